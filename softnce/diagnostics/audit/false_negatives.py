"""How many known false negatives a random batch holds, and what they cost.

A batch of N pairs is drawn without replacement from the M pairs of the training split. A pair that
d others duplicate, by its query or by its function, meets k of them, and k is hypergeometric: N - 1
draws from M - 1 pairs of which d are marked.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

BATCH_SIZES = (32, 64, 128, 256, 512, 1024, 2048, 4096)


@dataclass(frozen=True, slots=True)
class BatchExpectation:
    """What is expected of a random batch.

    Attributes:
        batch_size: number of its pairs, N.
        per_query: mean number of a query's negatives that are known false ones.
        queries: share of the queries that have one or more of them.
        lost: share of the gradient that they take away at most, the mean of k / (k + 1). With k
            exact copies of a function in the batch, each of probability p, the gradient of its row
            is 1 - k p times what it would be without them, and p is 1 / (k + 1) at most.
    """

    batch_size: int
    per_query: float
    queries: float
    lost: float


def duplicates_of_each(queries: Sequence[int], codes: Sequence[int]) -> NDArray[np.int64]:
    """Count the other pairs that share a pair's group of queries, or of functions, or both.

    Args:
        queries: (n,) group of each query.
        codes: (n,) group of each function.

    Returns:
        (n,) counts, 0 for a pair that nothing duplicates.

    >>> duplicates_of_each([0, 0, 2, 3], [0, 1, 0, 3]).tolist()
    [2, 1, 1, 0]
    """
    both = np.stack([np.asarray(queries), np.asarray(codes)], axis=1).astype(np.int64)
    sizes = [_sizes(both[:, 0]), _sizes(both[:, 1]), _sizes_of_rows(both)]
    found: NDArray[np.int64] = sizes[0] + sizes[1] - sizes[2] - 1
    return found


def _sizes(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    _, places, counts = np.unique(groups, return_inverse=True, return_counts=True)
    found: NDArray[np.int64] = counts[places]
    return found


def _sizes_of_rows(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    _, places, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    found: NDArray[np.int64] = counts[places.ravel()]
    return found


def expectation(duplicates: NDArray[np.int64], batch_size: int) -> BatchExpectation:
    """Compute what a random batch holds, exactly.

    Args:
        duplicates: (n,) of each pair of the training split, how many others duplicate it.
        batch_size: from 2 to n.

    >>> expectation(np.array([1, 1, 0, 0]), 2)
    BatchExpectation(batch_size=2, per_query=0.1667, queries=0.1667, lost=0.0833)
    """
    pairs = len(duplicates)
    counts, weights = np.unique(duplicates, return_counts=True)
    per_query = queries = lost = 0.0
    for count, weight in zip(counts.tolist(), (weights / pairs).tolist(), strict=True):
        if not count:
            continue
        met = np.arange(0, min(count, batch_size - 1) + 1)
        chances = hypergeom.pmf(met, pairs - 1, count, batch_size - 1)
        per_query += weight * (batch_size - 1) * count / (pairs - 1)
        queries += weight * (1 - float(chances[0]))
        lost += weight * float((chances * met / (met + 1)).sum())
    return BatchExpectation(batch_size, per_query, queries, lost)


def expectations(
    duplicates: NDArray[np.int64], sizes: Sequence[int] = BATCH_SIZES
) -> list[BatchExpectation]:
    """Compute what batches of several sizes hold; those the training split cannot fill are left."""
    return [expectation(duplicates, size) for size in sizes if size <= len(duplicates)]
