"""The rows of a set as an audit looks at them: where each stands, and what training sees of it."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from softnce.data.pairs import PairSet
from softnce.data.reading import part_files
from softnce.data.records import Record, record
from softnce.data.source_code.docstrings import occurs
from softnce.data.tables import rows

HELD_OUT = ("valid", "test")
SPLITS = ("train", *HELD_OUT)


@dataclass(frozen=True, slots=True)
class Leak:
    """A query that stands word for word in its own code, as the file has it.

    Attributes:
        where: file and line.
        query: its text.
        code: its function.
    """

    where: str
    query: str
    code: str


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What only the files tell, not the pairs that are read from them.

    Attributes:
        leaks: queries that stand in their own code.
        lines: file and line of each row by (query, id), in the order of reading.
        languages: of the functions, by id.
    """

    leaks: tuple[Leak, ...]
    lines: Mapping[tuple[str, str], Sequence[str]]
    languages: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SplitRows:
    """The rows of a split.

    Attributes:
        queries: their texts.
        functions: (n,) place of each one's function among all functions of the audit.
        ids: of the functions.
    """

    queries: tuple[str, ...]
    functions: tuple[int, ...]
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AuditedSet:
    """A set, laid out for an audit.

    Attributes:
        codes: all functions as training and evaluation see them: of the training pairs, then of
            the codebase.
        languages: of each function; empty where no row says.
        splits: rows by split; a split without rows is left out.
        codebase: place of its first function.
        left: queries that still stand in their own code after reading, by split.
    """

    codes: tuple[str, ...]
    languages: tuple[str, ...]
    splits: Mapping[str, SplitRows]
    codebase: int
    left: Mapping[str, int]


def file_facts(path: Path, columns: Mapping[str, str]) -> FileFacts:
    """Look at the rows of a set as its files have them; bad rows were counted by the reading.

    Args:
        path: a folder of splits, or a table.
        columns: the column of a field where it has a name of the user's own.
    """
    columns = {field: name for field, name in columns.items() if field != "negatives"}
    files = part_files(path) if path.is_dir() else {"train": [path]}
    codes: dict[str, str] = {}
    leaks: list[Leak] = []
    lines: dict[tuple[str, str], list[str]] = {}
    languages: dict[str, str] = {}
    for part in ("codebase", *SPLITS):
        for where, found in itertools.chain.from_iterable(
            _records(file, columns) for file in files.get(part, [])
        ):
            languages.setdefault(found.id, found.language)
            if part == "codebase":
                codes.setdefault(found.id, found.code)
                continue
            lines.setdefault((found.query, found.id), []).append(where)
            code = found.code or codes.get(found.id, "")
            if occurs(found.query, code):
                leaks.append(Leak(where, found.query, code))
    return FileFacts(tuple(leaks), lines, languages)


def _records(path: Path, columns: Mapping[str, str]) -> Iterator[tuple[str, Record]]:
    for row in rows(path):
        found = record(row, columns)
        if not found.fault:
            yield f"{path}:{found.line}", found


def audited_set(pairs: PairSet, facts: FileFacts) -> AuditedSet:
    """Lay a set out for an audit."""
    first = len(pairs.train)
    splits = {
        "train": SplitRows(
            tuple(pair.query for pair in pairs.train),
            tuple(range(first)),
            tuple(pair.id for pair in pairs.train),
        )
    }
    for name, held in (("valid", pairs.valid), ("test", pairs.test)):
        places = tuple(first + answer for answer in held.answers)
        ids = tuple(pairs.candidate_ids[answer] for answer in held.answers)
        splits[name] = SplitRows(held.texts, places, ids)
    codes = (*(pair.code for pair in pairs.train), *pairs.candidates)
    own = [pair.language for pair in pairs.train]
    spoken = next(iter(set(own)), "") if len(set(own)) == 1 else ""
    languages = [*own, *(facts.languages.get(one) or spoken for one in pairs.candidate_ids)]
    filled = {name: split for name, split in splits.items() if split.queries}
    return AuditedSet(
        codes=codes,
        languages=tuple(languages),
        splits=filled,
        codebase=first,
        left={name: _left(split, codes) for name, split in filled.items()},
    )


def _left(split: SplitRows, codes: tuple[str, ...]) -> int:
    return sum(
        occurs(query, codes[place])
        for query, place in zip(split.queries, split.functions, strict=True)
    )
