"""Chunks: forward a batch in a few length-sorted groups; its negatives stay as drawn.

Padded rows go in pooled chunks, so that little is padding. The padded area is the sum over groups
of (rows x longest row), minimised exactly by dynamic programming over at most 64 candidate cuts.
Packed rows hold no padding; on a CPU they go in even chunks, whose activations a cache can hold.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_MOST_CUTS = 64
_GROUPS = (5, 9)  # fewest and most; 9 took 5 % less than 5 for 6,000 tokens, one CPU core
_TOKENS = 700  # of a further group


def pooled_chunks(lengths: NDArray[np.int64], *, most: int) -> list[NDArray[np.int64]]:
    """Return groups of row numbers, shortest rows first.

    Args:
        lengths: (n,) tokens of each row.
        most: groups at most; more groups pad less and launch more forward passes.

    >>> [group.tolist() for group in pooled_chunks(np.array([9, 2, 9, 2, 2]), most=2)]
    [[1, 3, 4], [0, 2]]
    """
    if not len(lengths):
        return []
    order = np.argsort(lengths, kind="stable")
    stops = _candidate_stops(lengths[order])
    area = _areas(lengths[order], stops)
    cuts = _best_cuts(area, min(most, len(stops)))
    edges = [0, *(int(stops[cut]) for cut in cuts)]
    return [order[start:stop] for start, stop in pairwise(edges)]


def even_chunks(lengths: NDArray[np.int64], *, most: int) -> list[NDArray[np.int64]]:
    """Return groups of row numbers, shortest rows first, of about equally many tokens.

    Args:
        lengths: (n,) tokens of each row.
        most: tokens of a group, but for a part of its last row.

    >>> [group.tolist() for group in even_chunks(np.array([9, 2, 9, 2, 2]), most=12)]
    [[1, 3, 4, 0], [2]]
    """
    order = np.argsort(lengths, kind="stable")
    ends = np.cumsum(lengths[order])
    total = int(ends[-1]) if len(ends) else 0
    count = max(-(-total // most), 1)
    cuts = np.searchsorted(ends, total * np.arange(1, count) / count) + 1
    return [group for group in np.split(order, cuts) if len(group)]


def worthwhile(lengths: NDArray[np.int64]) -> int:
    """Return how many groups a batch is worth: a large one saves more padding by each.

    Args:
        lengths: (n,) tokens of each row.

    >>> worthwhile(np.full(16, 80)), worthwhile(np.full(64, 90)), worthwhile(np.full(256, 90))
    (5, 8, 9)
    """
    fewest, most = _GROUPS
    return min(max(int(lengths.sum()) // _TOKENS, fewest), most)


def _candidate_stops(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where a sorted batch may be cut: after the last row of a length, thinned out."""
    stops = np.append(np.flatnonzero(np.diff(lengths)) + 1, len(lengths))
    if len(stops) > _MOST_CUTS:
        stops = stops[np.unique(np.linspace(0, len(stops) - 1, _MOST_CUTS).astype(np.int64))]
    return stops


def _areas(lengths: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return area[a, b]: padded tokens of the group that starts after cut a - 1, ends at cut b."""
    starts = np.concatenate([[0], stops[:-1]])
    longest = lengths[stops - 1]
    area: NDArray[np.float64] = (stops[None, :] - starts[:, None]) * longest[None, :].astype(
        np.float64
    )
    area[np.tril_indices(len(stops), -1)] = np.inf
    return area


def _best_cuts(area: NDArray[np.float64], groups: int) -> list[int]:
    """Return the cut that ends each group, for the least total area with at most so many groups."""
    size = area.shape[1]
    cost = np.full((groups + 1, size), np.inf)
    back = np.full((groups + 1, size), -1)
    cost[1] = area[0]
    for group in range(2, groups + 1):
        total = cost[group - 1][:-1, None] + area[1:]
        back[group] = total.argmin(axis=0)
        cost[group] = total.min(axis=0)
    group, cut, cuts = int(cost[:, -1].argmin()), size - 1, []
    while group >= 1:
        cuts.append(cut)
        cut, group = int(back[group, cut]), group - 1
    return cuts[::-1]
