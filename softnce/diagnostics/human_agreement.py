"""Do estimators agree with people? Pairs that people judged, told apart by each estimator.

An estimator turns a negative down because it takes it for an answer. Where people have said of
pairs (query, function) that the function does not answer the query (label 0), its scores should be
lower than those of true pairs. The area under the curve (AUC) is the chance that a true pair scores
above a label-0 pair; 0.5 is a coin.

In training, R_ij is about query i and the function of another query j. Here the function's own
query is not in the batch, so the question is put in two ways: R compares the query with the code
(what ``weights.bm25.documents: codes`` and a teacher do), or with the docstring that the function
carries in the codebase (what the paper does: docstrings against docstrings).

A model that was trained on true pairs scores them high because it knows them. Where such a model is
requested, the true pairs of all estimators are held-out ones.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from softnce.data.pairs import Pair, PairSet
from softnce.data.reading import Tally, coded, complete, part_files
from softnce.diagnostics.requested import ComparedTexts, RequestedEstimators, estimators
from softnce.weights.weighting import Estimator

NONMATCHING = ("train_nonmatching.jsonl", "train_nonmatching.jsonl.gz")
_MAX_BAD_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """A pair with what people said of it; the docstring is the function's own, where known."""

    query: str
    code: str
    docstring: str
    answers: bool
    language: str = ""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well an estimator tells true pairs from label-0 pairs.

    Attributes:
        estimator: its name.
        compared: ``code`` or ``docstring``, what the query was compared with.
        score: AUC of the scores as they are.
        rank: AUC of the place of a pair's score among its query's scores in the batch, which is
            what Eq. 4 looks at.
        pairs: (true, label-0) how many were compared.
    """

    estimator: str
    compared: str
    score: float
    rank: float
    pairs: tuple[int, int]

    @property
    def error(self) -> float:
        """The standard error of an AUC near a half."""
        true, false = self.pairs
        return math.sqrt((true + false + 1) / (12 * true * false))


def auc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Return the chance that a positive scores above a negative; a tie counts half.

    >>> auc(np.array([2.0, 3.0]), np.array([1.0, 2.0]))
    0.875
    """
    places = rankdata(np.concatenate([positive, negative]))[: len(positive)]
    least = len(positive) * (len(positive) + 1) / 2
    return float((places.sum() - least) / (len(positive) * len(negative)))


def held_out(pairs: PairSet) -> list[Pair]:
    """List the pairs of validation and test, which no model of a study was trained on."""
    return [
        Pair(
            text,
            pairs.candidates[answer],
            pairs.candidate_ids[answer],
            pairs.candidate_languages[answer],
        )
        for split in (pairs.valid, pairs.test)
        for text, answer in zip(split.texts, split.answers, strict=True)
    ]


def judged_pairs(
    folder: Path, true: Sequence[Pair], *, most: int, seed: int = 0
) -> list[JudgedPair]:
    """Sample as many true pairs as label-0 pairs, mixed; none where nobody judged.

    Args:
        folder: of the set.
        true: its training pairs, or its held-out ones where an estimator was trained on those.
        most: pairs of each kind at most.
        seed: of the sample.

    Raises:
        DataError: the file of label-0 pairs is damaged.
    """
    path = next((folder / name for name in NONMATCHING if (folder / name).is_file()), None)
    if path is None or not true:
        return []
    tally = Tally(_MAX_BAD_SHARE)
    false = [
        Pair(one.query, one.code, one.id, one.language) for one in tally.read(path, {}, complete)
    ]
    docstrings = {
        one.id: one.query
        for file in part_files(folder).get("codebase", [])
        for one in tally.read(file, {}, coded)
    }
    draw = np.random.default_rng(seed)
    most = min(most, len(true), len(false))
    found = [
        JudgedPair(pair.query, pair.code, docstrings.get(pair.id, ""), answers, pair.language)
        for kind, answers in ((true, True), (false, False))
        for pair in (kind[row] for row in draw.permutation(len(kind))[:most])
    ]
    return [found[place] for place in draw.permutation(len(found))]


@dataclass(frozen=True, slots=True)
class ScoredPairs:
    """What an estimator makes of judged pairs.

    Attributes:
        estimator: its name.
        compared: ``code`` or ``docstring``, what the query was compared with.
        scores: (n,) of the pairs.
        places: (n,) share of its query's scores in the batch that lie below each one's.
        is_true: (n,) what people said.
    """

    estimator: str
    compared: str
    scores: NDArray[np.float64]
    places: NDArray[np.float64]
    is_true: NDArray[np.bool_]


def agreements(
    judged: Sequence[JudgedPair], requested: RequestedEstimators, *, batch_size: int
) -> list[Agreement]:
    """Measure each estimator, the query against the code and, where known, the docstring.

    Args:
        judged: in random order.
        requested: the estimators.
        batch_size: pairs that are scored together, BM25's corpus.
    """
    return [_agreement(one) for one in scored_tasks(judged, requested, batch_size=batch_size)]


def _agreement(scored: ScoredPairs) -> Agreement:
    true = scored.is_true
    return Agreement(
        estimator=scored.estimator,
        compared=scored.compared,
        score=auc(scored.scores[true], scored.scores[~true]),
        rank=auc(scored.places[true], scored.places[~true]),
        pairs=(int(true.sum()), int((~true).sum())),
    )


def scored_tasks(
    judged: Sequence[JudgedPair], requested: RequestedEstimators, *, batch_size: int
) -> Iterator[ScoredPairs]:
    """Score judged pairs, the query against the code and, where known, the docstring.

    Args:
        judged: in random order.
        requested: the estimators.
        batch_size: pairs that are scored together, BM25's corpus.
    """
    documented = [one for one in judged if one.docstring and one.docstring != one.query]
    for compared, rows in (("code", judged), ("docstring", documented)):
        if len({one.answers for one in rows}) > 1:
            for estimator in estimators(requested, _texts(rows, compared)):
                yield _scored(estimator, compared, rows, batch_size)


def _texts(rows: Sequence[JudgedPair], compared: str) -> ComparedTexts:
    queries, codes = [one.query for one in rows], [one.code for one in rows]
    if compared == "docstring":
        return ComparedTexts(queries, codes, [one.docstring for one in rows])
    return ComparedTexts(queries, codes, codes, [one.language for one in rows])


def _scored(
    estimator: Estimator, compared: str, rows: Sequence[JudgedPair], batch_size: int
) -> ScoredPairs:
    batches = np.array_split(np.arange(len(rows)), math.ceil(len(rows) / batch_size))
    scores, places = zip(*(_own_scores(estimator, batch) for batch in batches), strict=True)
    true = np.array([one.answers for one in rows])
    return ScoredPairs(
        estimator.name, compared, np.concatenate(scores), np.concatenate(places), true
    )


def _own_scores(
    estimator: Estimator, batch: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each pair's score, and the share of its query's scores that lie below it."""
    rows = torch.from_numpy(batch)
    relevance = estimator.relevance(rows, rows).double().numpy()
    own = np.diagonal(relevance)
    below = (relevance < own[:, None]).mean(axis=1)
    return own, below + (relevance == own[:, None]).mean(axis=1) / 2
