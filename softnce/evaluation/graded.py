"""Retrieval metrics where a query may have several right answers, each with a grade.

Equal scores are averaged: among the n candidates that share a score, with g ahead of them, the k-th
of the m right ones is expected at place g + k (n + 1) / (m + 1) when their order is drawn at
random. With one right answer this is its average rank; codes that are all right never hold each
other back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from numpy import ndarray
from torch import Tensor

from softnce.errors import DataError
from softnce.evaluation.metric_names import EVALUATION_METRICS, metric_parts

PerQuery = Float64[ndarray, " q"]


@dataclass(frozen=True)
class Answers:
    """The right answers of some queries, one entry for each.

    Attributes:
        queries: (e,) row of the query, ascending; every query has an entry.
        candidates: (e,) row of the right candidate.
        grades: (e,) how right it is, above 0.
    """

    queries: Int[ndarray, " e"]
    candidates: Int[ndarray, " e"]
    grades: Float64[ndarray, " e"]

    @classmethod
    def of(cls, graded: Sequence[dict[int, float]]) -> "Answers":
        """Line up the grades of each query's right candidates.

        Raises:
            DataError: a query has no right candidate.
        """
        missing = [row for row, one in enumerate(graded) if not any(g > 0 for g in one.values())]
        if missing:
            raise DataError(
                f"{len(missing)} of {len(graded)} queries have no right answer among the "
                f"candidates, first query {missing[0]}",
                "drop them, or add their answers",
            )
        entries = [
            (row, candidate, grade)
            for row, one in enumerate(graded)
            for candidate, grade in one.items()
            if grade > 0
        ]
        rows, candidates, grades = zip(*entries, strict=True) if entries else ((), (), ())
        return cls(
            np.array(rows, dtype=np.int64),
            np.array(candidates, dtype=np.int64),
            np.array(grades, dtype=np.float64),
        )

    def block(self, start: int, stop: int) -> "Answers":
        """Return the entries of the queries from start to before stop, numbered from 0."""
        first, last = np.searchsorted(self.queries, [start, stop])
        return Answers(
            self.queries[first:last] - start,
            self.candidates[first:last],
            self.grades[first:last],
        )


@dataclass(frozen=True)
class Places:
    """Where right answers stand.

    Attributes:
        values: (e,) places from 1, in the order of the entries.
        ties: (e,) a number that the answers of a query share when they share a score.
    """

    values: Float64[ndarray, " e"]
    ties: Int[ndarray, " e"]


def expected_places(scores: Float[Tensor, "q c"], answers: Answers) -> Places:
    """Find where each right answer stands when all candidates are sorted by their score.

    Args:
        scores: of each query with each candidate, higher is better, all finite.
        answers: the right ones.
    """
    rows, columns = (torch.from_numpy(one) for one in (answers.queries, answers.candidates))
    own = scores[rows, columns].unsqueeze(1)
    of_entries = scores if len(rows) == len(scores) else scores[rows]
    ahead, equal = (
        found.sum(dim=1, dtype=torch.int32).numpy().astype(np.int64)
        for found in (of_entries > own, of_entries == own)
    )
    ties, order, right = _ties(answers.queries, ahead)
    return Places(ahead + order * (equal + 1) / (right + 1), ties)


def metrics_per_query(places: Places, answers: Answers) -> dict[str, Float64[ndarray, " q"]]:
    """Return each metric of each query.

    The reciprocal rank is that of the first right answer; recall counts the right answers among
    the first k; nDCG has gains 2^grade - 1 and the discount log2(1 + place).

    Args:
        places: of the right answers, from ``expected_places``.
        answers: the right answers.

    Returns:
        (q,) values by the names of ``EVALUATION_METRICS``; ``mrr`` is the reciprocal rank.
    """
    found = {}
    for name in EVALUATION_METRICS:
        family, cutoff = metric_parts(name)
        found[name] = _FAMILIES[family](places, answers, cutoff)
    return found


def _reciprocal(places: Places, answers: Answers, cutoff: float) -> PerQuery:
    values = np.where(places.values <= cutoff, 1 / places.values, 0.0)
    found: PerQuery = np.maximum.reduceat(values, _starts(answers))
    return found


def _recall(places: Places, answers: Answers, cutoff: float) -> PerQuery:
    found = _summed((places.values <= cutoff).astype(np.float64), answers)
    return found / np.bincount(answers.queries)


def _ndcg(places: Places, answers: Answers, cutoff: float) -> PerQuery:
    gains = np.exp2(answers.grades) - 1
    expected = (np.bincount(places.ties, weights=gains) / np.bincount(places.ties))[places.ties]
    starts = _starts(answers)
    sizes = np.bincount(answers.queries)
    ideal = gains[np.lexsort((-gains, answers.queries))]
    ideal_places = np.arange(len(gains)) - np.repeat(starts, sizes) + 1.0
    found = _summed(_discounted(places.values, expected, cutoff), answers)
    found /= _summed(_discounted(ideal_places, ideal, cutoff), answers)
    return found


_FAMILIES = {"mrr": _reciprocal, "recall": _recall, "ndcg": _ndcg}


def _discounted(
    places: Float64[ndarray, " e"], gains: Float64[ndarray, " e"], cutoff: float
) -> Float64[ndarray, " e"]:
    return np.where(places <= cutoff, gains / np.log2(1 + places), 0.0)


def _starts(answers: Answers) -> Int[ndarray, " q"]:
    return np.flatnonzero(np.diff(answers.queries, prepend=-1))


def _summed(values: Float64[ndarray, " e"], answers: Answers) -> PerQuery:
    found: PerQuery = np.bincount(answers.queries, weights=values)
    return found


def _ties(
    queries: Int[ndarray, " e"], ahead: Int[ndarray, " e"]
) -> tuple[Int[ndarray, " e"], Int[ndarray, " e"], Int[ndarray, " e"]]:
    """Group the right answers that share a query and a score.

    Returns:
        (e,) each one's group, its number in the group from 1, and the size of the group.
    """
    sorting = np.lexsort((ahead, queries))
    is_new = np.ones(len(queries), dtype=bool)
    is_new[1:] = (np.diff(queries[sorting]) != 0) | (np.diff(ahead[sorting]) != 0)
    starts = np.flatnonzero(is_new)
    sizes = np.diff(np.append(starts, len(queries)))
    ties, order, right = (np.empty_like(queries) for _ in range(3))
    ties[sorting] = np.cumsum(is_new) - 1
    order[sorting] = np.arange(len(queries)) - np.repeat(starts, sizes) + 1
    right[sorting] = np.repeat(sizes, sizes)
    return ties, order, right
