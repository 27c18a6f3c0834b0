"""All rankings of a set: the measures of every query under each ranker, alone and fused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64
from numpy import ndarray
from torch import Tensor

from softnce.data.judged.judged_set import Codebase, EvaluationSet
from softnce.evaluation.fusion import reciprocal_rank_fusion
from softnce.evaluation.graded import Answers, expected_places, metrics_per_query
from softnce.evaluation.metric_names import EVALUATION_METRICS
from softnce.retrieval.open_model import Progress
from softnce.retrieval.rankers import BM25, Ranker, block_size

Measures = Mapping[str, Float64[ndarray, " q"]]


@dataclass(frozen=True)
class Ranking:
    """What one ranker did, query by query.

    Attributes:
        name: of the ranker.
        measures: (q,) values by the names of ``EVALUATION_METRICS``.
        first_hits: id of the code that each query finds first.
    """

    name: str
    measures: Measures
    first_hits: tuple[str, ...]


@dataclass(frozen=True)
class RankingTable:
    """All rankings of a set; queries stand in the order of its codebases.

    Attributes:
        rankings: by name.
        languages: of each query; empty where no row says.
    """

    rankings: Mapping[str, Ranking]
    languages: tuple[str, ...]


def fused_name(name: str) -> str:
    """Name the fusion of a ranker with BM25."""
    return f"{name} + {BM25}"


def ranking_table(
    judged: EvaluationSet, rankers: Sequence[Ranker], progress: Progress
) -> RankingTable:
    """Rank the codes for every query, by each ranker and by its fusion with BM25.

    Args:
        judged: the set.
        rankers: BM25 first; their names differ.
        progress: is told of long work.

    Raises:
        SetupError: a model gives no usable vectors.
    """
    parts = [_of_codebase(one, rankers, progress) for one in judged.codebases if one.queries]
    joined = {name: _concatenated(name, [part[name] for part in parts]) for name in parts[0]}
    return RankingTable(joined, _languages(judged))


def _languages(judged: EvaluationSet) -> tuple[str, ...]:
    return tuple(
        query.language or codebase.name or codebase.codes[next(iter(query.grades))].language
        for codebase in judged.codebases
        for query in codebase.queries
    )


def _of_codebase(
    codebase: Codebase, rankers: Sequence[Ranker], progress: Progress
) -> dict[str, Ranking]:
    names = list(codebase.codes)
    rows = {name: row for row, name in enumerate(names)}
    answers = Answers.of(
        [{rows[name]: grade for name, grade in one.grades.items()} for one in codebase.queries]
    )
    scorers = {one.name: one.scorer(codebase, progress) for one in rankers}
    queries = len(codebase.queries)
    size = block_size(len(names), len(answers.queries) / queries)
    parts: dict[str, list[Ranking]] = {}
    for start in range(0, queries, size):
        progress("ranking", start, queries)
        stop = min(start + size, queries)
        block = answers.block(start, stop)
        scores = {name: scorer(start, stop) for name, scorer in scorers.items()}
        for name, of_ranker in _with_fusions(scores).items():
            parts.setdefault(name, []).append(_ranking(name, of_ranker, block, names))
    return {name: _concatenated(name, found) for name, found in parts.items()}


def _with_fusions(scores: Mapping[str, Float[Tensor, "q c"]]) -> dict[str, Float[Tensor, "q c"]]:
    fused = {
        fused_name(name): reciprocal_rank_fusion(one, scores[BM25])
        for name, one in scores.items()
        if name != BM25
    }
    return {**scores, **fused}


def _ranking(
    name: str, scores: Float[Tensor, "q c"], answers: Answers, names: Sequence[str]
) -> Ranking:
    measures = metrics_per_query(expected_places(scores, answers), answers)
    return Ranking(name, measures, tuple(names[one] for one in scores.argmax(dim=1).tolist()))


def _concatenated(name: str, parts: Sequence[Ranking]) -> Ranking:
    return Ranking(
        name,
        {
            metric: np.concatenate([part.measures[metric] for part in parts])
            for metric in EVALUATION_METRICS
        },
        tuple(hit for part in parts for hit in part.first_hits),
    )
