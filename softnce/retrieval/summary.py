"""Means of a table of rankings, with intervals from one bootstrap for all rankers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, Int
from numpy import ndarray

from softnce.data.judged.judged_set import EvaluationSet
from softnce.evaluation.bootstrap import interval, resampled_means
from softnce.evaluation.metric_names import EVALUATION_METRICS
from softnce.retrieval.evaluation import Interval, RankerResult, Summary
from softnce.retrieval.ranking_table import RankingTable


@dataclass(frozen=True, slots=True)
class Means:
    """The bootstrap of all rankers at once, so that their differences are paired by query."""

    columns: Mapping[str, int]
    values: Float64[ndarray, "q m"] = field(repr=False)
    drawn: Float64[ndarray, "r m"] = field(repr=False)

    def of(self, name: str) -> Interval:
        """Return the MRR of a ranker."""
        return self._interval(self.values[:, self.columns[name]], self.drawn[:, self.columns[name]])

    def difference(self, name: str, other: str) -> Interval:
        """Return the paired difference of two rankers' MRR, the first minus the second."""
        left, right = self.columns[name], self.columns[other]
        values, drawn = self.values, self.drawn
        return self._interval(values[:, left] - values[:, right], drawn[:, left] - drawn[:, right])

    @staticmethod
    def _interval(values: Float64[ndarray, " q"], drawn: Float64[ndarray, " r"]) -> Interval:
        return Interval(float(values.mean()), *interval(drawn))


def means_of(table: RankingTable, rows: Int[ndarray, " n"], *, seed: int) -> Means:
    """Draw some queries anew, the same for all rankers."""
    names = list(table.rankings)
    values = np.stack([table.rankings[name].measures["mrr"][rows] for name in names], axis=1)
    drawn = resampled_means(values, seed=seed)
    return Means({name: place for place, name in enumerate(names)}, values, drawn)


def results_of(
    table: RankingTable, judged: EvaluationSet, *, seed: int
) -> tuple[dict[str, RankerResult], Means]:
    """Sum up every ranker: over all queries, by language, and as a mean over languages.

    Returns:
        The results by ranker, and the bootstrap over all queries.
    """
    languages = np.array(table.languages)
    every = np.arange(len(languages))
    groups = {str(one): every[languages == one] for one in np.unique(languages) if one}
    whole = means_of(table, every, seed=seed)
    parts = {name: means_of(table, rows, seed=seed) for name, rows in groups.items()}
    sizes = {name: _searched(judged, name) for name in groups}
    found = {}
    for name, ranking in table.rankings.items():
        by_language = {
            language: _summary(ranking.measures, groups[language], means.of(name), sizes[language])
            for language, means in parts.items()
        }
        found[name] = RankerResult(
            name=name,
            whole=_summary(ranking.measures, every, whole.of(name), judged.candidates),
            languages=by_language,
            macro=_macro(name, list(parts.values()), by_language, judged.candidates),
        )
    return found, whole


def _summary(
    measures: Mapping[str, Float64[ndarray, " q"]],
    rows: Int[ndarray, " n"],
    mrr: Interval,
    candidates: int,
) -> Summary:
    metrics = {name: float(measures[name][rows].mean()) for name in EVALUATION_METRICS}
    return Summary(mrr, metrics, len(rows), candidates)


def _macro(
    name: str, parts: Sequence[Means], by_language: Mapping[str, Summary], candidates: int
) -> Summary | None:
    """Average over languages; each language's queries are drawn anew by themselves."""
    if not parts:
        return None
    drawn = np.mean([one.drawn[:, one.columns[name]] for one in parts], axis=0)
    metrics = {
        metric: float(np.mean([one.metrics[metric] for one in by_language.values()]))
        for metric in EVALUATION_METRICS
    }
    mean = float(np.mean([one.mrr.mean for one in by_language.values()]))
    queries = sum(one.queries for one in by_language.values())
    return Summary(Interval(mean, *interval(drawn)), metrics, queries, candidates)


def _searched(judged: EvaluationSet, language: str) -> int:
    """Count the codes that the queries of a language are ranked against."""
    own = [one for one in judged.codebases if one.name == language] or judged.codebases
    return sum(len(one.codes) for one in own)
