"""Finds exact and near-duplicate functions, so that none is counted twice or crosses a split."""

import re
import zlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

Shingles = npt.NDArray[np.uint32]  # sorted hashes of a code's token trigrams, each once
Places = npt.NDArray[np.int64]
Tell = Callable[[int, int], None]  # how much is done, and of how much

THRESHOLD = 0.85  # exact Jaccard likeness of two shingle sets from which they count as the same
_TOLD = 4096  # entries between two words on the progress
_TOKEN = re.compile(r"\w+|[^\w\s]")


def code_tokens(code: str) -> list[str]:
    """Split a code into words and signs."""
    return _TOKEN.findall(code)


def shingles(tokens: Sequence[str]) -> Shingles:
    """Hash a code's token trigrams: equal on every machine, and blind to layout.

    Returns:
        (n,) sorted, n >= 1: a code of fewer than three tokens is one shingle.
    """
    if len(tokens) < 3:
        return np.array([zlib.crc32("\0".join(tokens).encode())], np.uint32)
    hashes = np.fromiter((zlib.crc32(token.encode()) for token in tokens), np.uint64, len(tokens))
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


def untold(done: int, total: int) -> None:
    """Take how much is done of long work, and tell nobody."""


def near_duplicates(
    sets: Sequence[Shingles], *, threshold: float = THRESHOLD, tell: Tell = untold
) -> list[int]:
    """Group the codes that are the same or nearly so; exact, no pair is missed.

    Args:
        sets: one per code.
        threshold: least likeness of a pair, in (0, 1]; 1 joins only equal shingle sets.
        tell: is told how much is done.

    Returns:
        For each code, the index of the first one of its group: its own where it is alone.
    """
    groups = Groups(range(len(sets)))
    firsts: dict[bytes, int] = {}
    for index, item in enumerate(sets):
        first = firsts.setdefault(item.tobytes(), index)
        if first != index:
            groups.join(first, index)
    unique = sorted(firsts.values(), key=lambda index: len(sets[index]))
    labels = _Labels(len(unique))
    ordered = [sets[index] for index in unique]
    for left, suspects in _suspects(ordered, labels, threshold, tell):
        others = suspects
        while len(others):
            right = int(others[0])
            if likeness(sets[unique[left]], sets[unique[right]]) >= threshold:
                labels.join(left, right)
            others = labels.apart(left, others[1:])
    for place, label in enumerate(labels.numbers.tolist()):
        groups.join(unique[place], unique[label])
    return groups.roots()


class _Labels:
    """Groups whose members can be told apart all at once."""

    def __init__(self, size: int) -> None:
        self.numbers = np.arange(size)
        self._members = {number: [number] for number in range(size)}

    def join(self, left: int, right: int) -> None:
        """Make two groups one, the smaller taking the name of the larger."""
        names = int(self.numbers[left]), int(self.numbers[right])
        few, many = sorted(names, key=lambda name: len(self._members[name]))
        moved = self._members.pop(few)
        self.numbers[moved] = many
        self._members[many] += moved

    def apart(self, item: int, others: Places) -> Places:
        """Keep those that are in another group than the item."""
        left: Places = others[self.numbers[others] != self.numbers[item]]
        return left


def _suspects(
    sets: Sequence[Shingles], labels: _Labels, threshold: float, tell: Tell
) -> Iterator[tuple[int, Places]]:
    """Yield each set with the smaller ones that may be alike enough and are not in its group.

    Source: the prefix and positional filters of PPJoin (Xiao et al. 2008). Two sets that are alike
    share one of the first shingles of both, the rarest ones first; where the first that they share
    stands bounds how many they can share at all.

    Args:
        sets: sorted by size.
        labels: of their groups, joined by the caller meanwhile.
        threshold: least likeness of a pair.
        tell: is told how many of the shingles of prefixes are done.
    """
    sizes = np.array([len(one) for one in sets], dtype=np.int64)
    owners, ranks, places = _rarest_first(sets, sizes)
    is_prefix = places < sizes[owners] - np.ceil(threshold * sizes[owners] - 1e-9) + 1
    owners, ranks, places = owners[is_prefix], ranks[is_prefix], places[is_prefix]
    order = np.argsort(ranks, kind="stable")  # per shingle, its owners from small to large
    starts = np.searchsorted(ranks[order], ranks)
    stops = np.empty_like(order)
    stops[order] = np.arange(len(order))
    seen = np.full(len(sets), -1)
    entries = np.flatnonzero(stops > starts).tolist()
    for number, entry in enumerate(entries):
        if number % _TOLD == 0:
            tell(number, len(entries))
        owner = int(owners[entry])
        held = order[starts[entry] : stops[entry]]
        held = held[seen[owners[held]] != owner]  # the first shared shingle counts
        others = owners[held]
        seen[others] = owner
        bound = np.minimum(sizes[owner] - places[entry], sizes[others] - places[held])
        needed = threshold / (1 + threshold) * (sizes[owner] + sizes[others]) - 1e-9
        others = labels.apart(owner, others[bound >= needed])
        if len(others):
            yield owner, others


def _rarest_first(sets: Sequence[Shingles], sizes: Places) -> tuple[Places, Places, Places]:
    """List all shingles, set by set, as owner, rank by rarity, and place in the set by rank."""
    owners = np.repeat(np.arange(len(sets)), sizes)
    flat = np.concatenate([*sets, np.empty(0, np.uint32)])  # there may be no set
    _, numbers, counts = np.unique(flat, return_inverse=True, return_counts=True)
    ranks = np.empty(len(counts), np.int64)
    ranks[np.argsort(counts, kind="stable")] = np.arange(len(counts))
    keys = np.sort(owners * len(counts) + ranks[numbers])
    places = np.arange(len(flat)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return owners, keys % max(len(counts), 1), places
