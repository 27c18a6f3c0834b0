"""Bootstrap over queries: how far a mean would move if other queries had been asked.

Percentile intervals; the draws are seeded, and the same for all columns, so that differences
between columns are paired by query.
"""

import numpy as np
from jaxtyping import Float64
from numpy import ndarray

from softnce.errors import DataError

RESAMPLES = 10_000
LEVEL = 0.95
_BLOCK = 4_000_000  # drawn numbers held at once


def resampled_means(
    values: Float64[ndarray, "q m"], *, resamples: int = RESAMPLES, seed: int = 0
) -> Float64[ndarray, "r m"]:
    """Draw as many queries as there are, with replacement, and average; so many times.

    Args:
        values: of each query, one column for each measure.
        resamples: r, how often to draw.
        seed: of the draws.

    Returns:
        (r, m) means.

    Raises:
        DataError: there is no query.
    """
    queries = len(values)
    if not queries:
        raise DataError("there is no query to draw from")
    draws = np.random.default_rng(seed)
    means = np.empty((resamples, values.shape[1]))
    rows = max(1, _BLOCK // queries)
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        drawn = draws.integers(queries, size=(count, queries), dtype=np.int32)
        offsets = np.arange(count, dtype=np.int64)[:, None] * queries
        times = np.bincount((drawn + offsets).ravel(), minlength=count * queries)
        means[start : start + count] = times.reshape(count, queries) @ values / queries
    return means


def interval(means: Float64[ndarray, " r"], *, level: float = LEVEL) -> tuple[float, float]:
    """Return the percentile interval of resampled means.

    Args:
        means: from ``resampled_means``, one column.
        level: share of them that lies inside.
    """
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)
