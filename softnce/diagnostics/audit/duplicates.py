"""Counts duplicates inside splits and across them, and shows the worst."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from softnce.data.clones.groups import KINDS, Clones
from softnce.data.dedup import Groups
from softnce.diagnostics.audit.audited_set import AuditedSet, FileFacts, SplitRows


@dataclass(frozen=True, slots=True)
class DuplicateCounts:
    """The duplicates inside a split, or in the codebase.

    Attributes:
        rows: of the split.
        functions: rows that repeat the function of an earlier one, by kind, each kind with those
            before it: exact, layout (or comments), near, renamed.
        queries: rows that repeat an earlier query, exactly or nearly.
        repeats: rows that repeat an earlier one, by function or query.
        involved: rows that repeat another one, earlier or later.
    """

    rows: int
    functions: Mapping[str, int]
    queries: int
    repeats: int
    involved: int

    @property
    def share(self) -> float:
        """The share of the rows that repeat an earlier one."""
        return self.repeats / max(self.rows, 1)


@dataclass(frozen=True, slots=True)
class SplitLeak:
    """What one split knows of another.

    Attributes:
        splits: the earlier one, for example train, and the one that is judged by.
        rows: of the one that is judged by.
        functions: its rows whose answer is in the other split, by kind, as in DuplicateCounts.
        queries: its rows whose query is asked there, exactly or nearly.
        involved: its rows with either.
    """

    splits: tuple[str, str]
    rows: int
    functions: Mapping[str, int]
    queries: int
    involved: int


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two rows that are alike, to be looked at.

    Attributes:
        what: the two splits, or the one.
        kind: of their likeness.
        size: number of rows in the whole group.
        where: file and line of both, where known.
        queries: of both.
        codes: of both.
    """

    what: str
    kind: str
    size: int
    where: tuple[str, str]
    queries: tuple[str, str]
    codes: tuple[str, str]


@dataclass(frozen=True, slots=True)
class GroupedSet:
    """A set with its groups of duplicates.

    Attributes:
        rows: the set.
        clones: groups of all its functions.
        queries: (n,) groups of the queries of each split, numbered alike.
    """

    rows: AuditedSet
    clones: Clones
    queries: Mapping[str, Sequence[int]]


def inside(grouped: GroupedSet) -> dict[str, DuplicateCounts]:
    """Count the duplicates inside each split, and in the codebase."""
    found = {
        name: _counts(split.functions, grouped.queries[name], grouped.clones)
        for name, split in grouped.rows.splits.items()
    }
    codebase = range(grouped.rows.codebase, len(grouped.rows.codes))
    if codebase:
        found["codebase"] = _counts(codebase, None, grouped.clones)
    return found


def _counts(
    functions: Sequence[int], queries: Sequence[int] | None, clones: Clones
) -> DuplicateCounts:
    groups = [clones.groups[place] for place in functions]
    both = _joined(groups, queries if queries is not None else range(len(groups)))
    sizes = Counter(both)
    return DuplicateCounts(
        rows=len(groups),
        functions={kind: _repeats(_named(clones, kind, functions)) for kind in KINDS},
        queries=_repeats(queries) if queries is not None else 0,
        repeats=_repeats(both),
        involved=sum(sizes[one] > 1 for one in both),
    )


def _named(clones: Clones, kind: str, places: Iterable[int]) -> list[int]:
    names: list[int] = getattr(clones, kind)
    return [names[place] for place in places]


def _repeats(groups: Sequence[int]) -> int:
    return len(groups) - len(set(groups))


def _joined(functions: Sequence[int], queries: Sequence[int]) -> list[int]:
    """Group rows that share a function or a query, directly or through others."""
    groups = Groups(range(len(functions)))
    for names in (functions, queries):
        firsts: dict[int, int] = {}
        for row, name in enumerate(names):
            groups.join(firsts.setdefault(name, row), row)
    return groups.roots()


def across(grouped: GroupedSet) -> list[SplitLeak]:
    """Count what each split knows of the later ones."""
    return [_leak(grouped, pair) for pair in combinations(grouped.rows.splits, 2)]


def _leak(grouped: GroupedSet, pair: tuple[str, str]) -> SplitLeak:
    one, other = (grouped.rows.splits[name] for name in pair)
    seen = {
        kind: _shared(
            _named(grouped.clones, kind, one.functions),
            _named(grouped.clones, kind, other.functions),
        )
        for kind in KINDS
    }
    asked = _shared(*(grouped.queries[name] for name in pair))
    return SplitLeak(
        splits=pair,
        rows=len(other.queries),
        functions={kind: sum(marks) for kind, marks in seen.items()},
        queries=sum(asked),
        involved=sum(a or b for a, b in zip(asked, seen[KINDS[-1]], strict=True)),
    )


def _shared(one: Sequence[int], other: Sequence[int]) -> list[bool]:
    known = set(one)
    return [name in known for name in other]


def worst(grouped: GroupedSet, facts: FileFacts, *, most: int) -> list[Likeness]:
    """Pick pairs to look at: those across splits first, then of the largest groups.

    Args:
        grouped: the set.
        facts: of its files.
        most: pairs of each kind of place.
    """
    found: list[Likeness] = []
    splits = list(grouped.rows.splits)
    for pair in [*combinations(splits, 2), *((name, name) for name in splits)]:
        found += _alike(grouped, facts, pair)[:most]
    return found


def _alike(grouped: GroupedSet, facts: FileFacts, pair: tuple[str, str]) -> list[Likeness]:
    """Pair the rows of a group in one split, or in two; the largest groups first, once each."""
    one, other = (grouped.rows.splits[name] for name in pair)
    members: dict[int, list[int]] = defaultdict(list)
    for row, place in enumerate(one.functions):
        members[grouped.clones.groups[place]].append(row)
    is_same = pair[0] == pair[1]
    firsts: dict[int, int] = {}
    for row, place in enumerate(other.functions):
        group = grouped.clones.groups[place]
        if group in members and not (is_same and members[group][0] == row):
            firsts.setdefault(group, row)
    order = sorted(firsts, key=lambda group: -len(members[group]))
    what = pair[0] if is_same else " - ".join(pair)
    return [
        _likeness(
            grouped,
            facts,
            what,
            len(members[group]),
            (one, members[group][0]),
            (other, firsts[group]),
        )
        for group in order
    ]


def _likeness(
    grouped: GroupedSet,
    facts: FileFacts,
    what: str,
    size: int,
    left: tuple[SplitRows, int],
    right: tuple[SplitRows, int],
) -> Likeness:
    rows = (left, right)
    places = [split.functions[row] for split, row in rows]
    queries = tuple(split.queries[row] for split, row in rows)
    keys = [(split.queries[row], split.ids[row]) for split, row in rows]
    lines = [facts.lines.get(key, [key[1]]) for key in keys]  # rows that are equal share a list
    return Likeness(
        what=what,
        kind=grouped.clones.kind(places[0], places[1]),
        size=size,
        where=(lines[0][0], lines[1][-1]),
        queries=(queries[0], queries[1]),
        codes=(grouped.rows.codes[places[0]], grouped.rows.codes[places[1]]),
    )
