"""Duplicates as known positives: a negative that says the same as the own snippet is none."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from softnce.data.clones.groups import Progress, clones, silent
from softnce.data.dedup import code_tokens, near_duplicates, shingles
from softnce.shapes import Answers, CandidateRows, Number, QueryRows, Relevance, Weights
from softnce.weights.weighting import Estimator


@final
class DuplicatesEstimator(Estimator):
    """Knows the pairs whose query or function is an exact or near duplicate of the query's own.

    Not in the paper, which motivates its weights by such pairs: relevance is known, 1 or 0. A
    query's own hard negatives are never marked: that they are wrong, the data say.
    """

    name = "duplicates"

    def __init__(self, queries: Tensor, codes: Tensor, negatives: int = 0) -> None:
        """Lease the group of each text.

        Args:
            queries: (n,) group of each training query; equal numbers are duplicates.
            codes: (n + n * negatives,) group of each training function, then of the hard negatives
                of all rows.
            negatives: hard negatives of each row.
        """
        pairs = len(queries)
        owners = torch.arange(pairs).repeat_interleave(negatives)
        unknown = torch.full_like(owners, -1)
        self._queries = torch.cat([queries, unknown])  # a hard negative answers no known query
        self._codes = codes
        self._owners = torch.cat([torch.full((pairs,), -1), owners])

    def relevance(self, queries: QueryRows, candidates: CandidateRows) -> Relevance:
        """Mark with 1 the pairs that share a group of queries or of functions."""
        marked = [
            groups[queries].unsqueeze(1) == groups[candidates]
            for groups in (self._queries, self._codes)
        ]
        is_known_wrong = queries.unsqueeze(1) == self._owners[candidates]
        return ((marked[0] | marked[1]) & ~is_known_wrong).float()


def query_groups(texts: Sequence[str]) -> list[int]:
    """Group texts that are the same or nearly so, blind to layout and letter case.

    >>> query_groups(["Sort a list.", "read the file", "sort  a list."])
    [0, 1, 0]
    """
    return near_duplicates([shingles(code_tokens(text.lower())) for text in texts])


def code_groups(
    codes: Sequence[str],
    languages: Sequence[str] | None = None,
    progress: Progress = silent,
) -> list[int]:
    """Group functions that are the same or nearly so, whatever their layout, comments and names.

    Args:
        codes: their sources.
        languages: of each, where it is known.
        progress: is told the phase, how much of it is done, and of how much.

    >>> code_groups(["int f(int a) { return g(a) + a; }", "int h(int b) { return g(b) + b; }"])
    [0, 0]
    """
    return clones(codes, languages, progress).groups


def duplicate_weights(relevance: Relevance, answers: Answers, *, weight: Number) -> Weights:
    """Give the marked negatives one weight, and all other pairs 1.

    Args:
        relevance: (q, c) above 0 where a pair is marked.
        answers: (q,) column of each query's own snippet.
        weight: of a marked negative, 0 to 1; 0 removes it.
    """
    weights = torch.where(relevance > 0, float(weight), 1.0)
    return weights.scatter(1, answers.long().unsqueeze(1), 1.0)
