"""Finds exact and near-duplicate functions, so that none is counted twice or crosses a split."""

import re
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Shingles = npt.NDArray[np.uint32]  # sorted hashes of a code's token trigrams, each once

THRESHOLD = 0.85  # exact Jaccard likeness of two shingle sets from which they count as the same
_PERMUTATIONS = 64
_BANDS = (12, 5)  # a pair at the threshold shares a band with probability 0.999
_TOKEN = re.compile(r"\w+|[^\w\s]")


def code_tokens(code: str) -> list[str]:
    """Split a code into words and signs."""
    return _TOKEN.findall(code)


def shingles(tokens: Sequence[str]) -> Shingles:
    """Hash a code's token trigrams: equal on every machine, and blind to layout.

    Returns:
        (n,) sorted, n >= 1: a code of fewer than three tokens is one shingle.
    """
    hashes = np.fromiter((zlib.crc32(token.encode()) for token in tokens), np.uint64, len(tokens))
    if len(hashes) < 3:
        return np.array([hashes.sum()], np.uint64).astype(np.uint32)
    mixed = hashes[:-2] * np.uint64(0x9E3779B1) + hashes[1:-1] * np.uint64(0x85EBCA77) + hashes[2:]
    mixed ^= mixed >> np.uint64(29)
    return np.unique((mixed * np.uint64(0xC2B2AE3D27D4EB4F) >> np.uint64(32)).astype(np.uint32))


def likeness(left: Shingles, right: Shingles) -> float:
    """Measure the Jaccard likeness of two shingle sets, in [0, 1]."""
    shared = len(np.intersect1d(left, right, assume_unique=True))
    return shared / (len(left) + len(right) - shared)


class Groups:
    """A union-find over indices; a group goes by its smallest member."""

    def __init__(self, parents: Sequence[int]) -> None:
        self._parents = list(parents)

    def root(self, item: int) -> int:
        """Find the smallest member of an item's group."""
        while self._parents[item] != item:
            self._parents[item] = self._parents[self._parents[item]]
            item = self._parents[item]
        return item

    def join(self, left: int, right: int) -> None:
        """Make two groups one."""
        low, high = sorted((self.root(left), self.root(right)))
        self._parents[high] = low

    def roots(self) -> list[int]:
        """Name every item's group."""
        return [self.root(item) for item in range(len(self._parents))]


def near_duplicates(sets: Sequence[Shingles], *, threshold: float = THRESHOLD) -> list[int]:
    """Group the codes that are the same or nearly so.

    MinHash proposes the pairs, the exact likeness decides.

    Args:
        sets: one a code.
        threshold: least likeness of a pair, in (0, 1]; 1 joins only equal shingle sets.

    Returns:
        For each code, the index of the first one of its group: its own where it is alone.
    """
    groups = Groups(range(len(sets)))
    firsts: dict[bytes, int] = {}
    for index, item in enumerate(sets):
        first = firsts.setdefault(item.tobytes(), index)
        if first != index:
            groups.join(first, index)
    _join_near(groups, sets, list(firsts.values()), threshold)
    return groups.roots()


def _join_near(
    groups: Groups, sets: Sequence[Shingles], unique: list[int], threshold: float
) -> None:
    from datasketch import MinHash, MinHashLSH  # takes a second: workers never need it

    if len(unique) < 2:
        return
    index = MinHashLSH(num_perm=_PERMUTATIONS, params=_BANDS)
    blank = MinHash(num_perm=_PERMUTATIONS, seed=1, hashfunc=int)
    for item in unique:
        sketch = blank.copy()
        sketch.update_batch(sets[item].tolist())
        for other in index.query(sketch):
            if (
                groups.root(other) != groups.root(item)
                and likeness(sets[item], sets[other]) >= threshold
            ):
                groups.join(item, other)
        index.insert(item, sketch, check_duplication=False)
