"""A leak detector: it finds right answers by nothing but runs of words copied from their queries.

It knows nothing of docstrings, comments or languages, and looks at a code as one row of words, so
that it shares no fault with what takes the copies out.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from softnce.data.source_code.docstrings import squeezed

SHORTEST = 3  # words in a row that count at all
LONGEST = 8  # from here on a run is a copy whatever its query's length


def copied_runs(queries: Sequence[str], codes: Sequence[str]) -> NDArray[np.int8]:
    """Measure the longest run of words that each query shares with each code.

    Returns:
        (q, c) its length: 0 below ``SHORTEST`` words, ``LONGEST`` for all that are longer.

    >>> copied_runs(["join two paths now"], ["# join two paths", "join(two, paths, later)", "x"])
    array([[3, 3, 0]], dtype=int8)
    """
    query_words = [squeezed(query).split() for query in queries]
    wanted = {run for words in query_words for run in _runs(words)}
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, code in enumerate(codes):
        for run in wanted.intersection(_runs(squeezed(code).split())):
            holders[run].append(place)
    lengths = np.zeros((len(queries), len(codes)), dtype=np.int8)
    for row, words in enumerate(query_words):
        for run in sorted(_runs(words), key=len):
            lengths[row, holders.get(run, [])] = len(run)
    return lengths


def is_copy(run: NDArray[np.int8], query: str) -> NDArray[np.bool_]:
    """Tell which runs are most of their query: 60 % of its words, or eight of them.

    A run of three words is a copy only of a query of three: so many are shared by chance.

    Args:
        run: (c,) lengths, as ``copied_runs`` gives them.
        query: they belong to.
    """
    words = len(squeezed(query).split())
    least = min(LONGEST, max(min(words, 4), -(-6 * words // 10)))
    copied: NDArray[np.bool_] = run >= max(least, SHORTEST)
    return copied


def _runs(words: Sequence[str]) -> set[tuple[str, ...]]:
    return {
        tuple(words[start : start + size])
        for size in range(SHORTEST, LONGEST + 1)
        for start in range(len(words) - size + 1)
    }
