"""Reads the files of a set and keeps the account of bad rows: counted, named, never lost."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import final

from softnce.data.records import Record, missing_column, record
from softnce.data.source_code.stripping import without_query
from softnce.data.tables import READERS, rows
from softnce.errors import DataError

PARTS = ("train", "valid", "test", "codebase")

_KINDS = "|".join(kind[1:] for kind in READERS)
_FILE = re.compile(
    rf"(train|valid|validation|dev|test|codebase)(-\d+-of-\d+)?\.(?:{_KINDS})(?:\.gz)?$"
)
_NAMES = {"validation": "valid", "dev": "valid"}
_EXAMPLES = 10

Refine = Callable[[Record], Record]  # a record, completed, or with its fault


@dataclass(slots=True)
class Tally:
    """The account of a reading, over all files of a set."""

    max_bad_share: float
    language: str = ""
    rows: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def read(
        self, path: Path, columns: Mapping[str, str], refine: Refine, *, negatives: int = 0
    ) -> list[Record]:
        """Read the sound records of a file.

        Args:
            path: of the file.
            columns: the column of a field where it has a name of the user's own.
            refine: completes a record, or tells what is wrong with it.
            negatives: hard negatives that each record must have; 0 reads none.

        Raises:
            DataError: it is empty, lacks a column, or has too many bad rows.
        """
        if not negatives:
            columns = {field: name for field, name in columns.items() if field != "negatives"}
        kept: list[Record] = []
        bad: list[Record] = []
        for row in rows(path):
            if not row.fault and not kept and (lack := missing_column(row, columns)):
                raise DataError(f"{path}:{row.line}: {lack}")
            found = record(row, columns, with_negatives=negatives > 0)
            if not found.fault:
                found = refine(replace(found, language=found.language or self.language))
            if negatives and not found.fault:
                found = opposed(found, negatives)
            (bad if found.fault else kept).append(found)
        self.account(path, len(kept), bad)
        return kept

    def account(self, path: Path, kept: int, bad: Sequence[Record]) -> None:
        """Enter the rows of a file, of which some are bad.

        Raises:
            DataError: there is none, or too many are bad.
        """
        count = kept + len(bad)
        if not count:
            raise DataError(
                f"{path} holds no rows",
                "fetch or write it anew",
            )
        named = [f"{path}:{found.line}: {found.fault}" for found in bad[:_EXAMPLES]]
        if len(bad) > self.max_bad_share * count:
            first = "; ".join([named[0], *(f"line {b.line}: {b.fault}" for b in bad[1:3])])
            raise DataError(
                f"{len(bad)} of {count} rows are bad ({first})",
                f"mend them, or allow more bad rows than {self.max_bad_share:.0%}",
            )
        self.rows += count
        self.dropped.update(found.fault.split(":")[0] for found in bad)
        self.examples += named[: _EXAMPLES - len(self.examples)]


def part_files(folder: Path) -> dict[str, list[Path]]:
    """Find the files of each part of a set; shards of one part are read in order.

    Raises:
        DataError: there is none, a part is there twice, or one is no file that can be read.
    """
    found: dict[str, list[Path]] = {}
    single: set[str] = set()
    for path in sorted(folder.iterdir()):
        match = _FILE.match(path.name)
        if not match:
            continue
        if not path.is_file():
            raise DataError(
                f"{path} is a folder, a pipe, a device or a broken link, not a file",
                "remove it, or put the file there",
            )
        part = _NAMES.get(match.group(1), match.group(1))
        if part in single or (part in found and not match.group(2)):
            both = f"{found[part][0].name} and {path.name}"
            raise DataError(
                f"{folder} has two files for {part} ({both})",
                "keep one of them",
            )
        found.setdefault(part, []).append(path)
        if not match.group(2):
            single.add(part)
    if not found or list(found) == ["codebase"]:
        raise _no_parts(folder)
    return found


def _no_parts(folder: Path) -> DataError:
    inside = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    held = ", ".join(inside[:6]) + (", ..." if len(inside) > 6 else "") or "nothing"
    return DataError(
        f"{folder} has no train, valid or test file (.jsonl.gz, .csv, .parquet); it holds {held}",
        "name the folder of one set, or one file of pairs",
    )


def with_query(found: Record) -> Record:
    """Refuse a record without a query."""
    return found if found.query else replace(found, fault="empty query")


def coded(found: Record) -> Record:
    """Part a record's code from its docstring; refuse it where no code is left."""
    if not found.code.strip():
        return replace(found, fault="empty code")
    code = without_query(found.code, [found.query], found.language)
    if not code.strip():
        return replace(found, fault="code holds nothing but its docstring")
    return replace(found, code=code, source=found.code)


def complete(found: Record) -> Record:
    """Refuse a record that is not a whole pair, and part its code from its docstring."""
    found = with_query(found)
    return found if found.fault else coded(found)


@final
class UniqueIds:
    """Refuses a code whose id another code has: a query's answer must be one code."""

    def __init__(self, refine: Refine) -> None:
        """Remember no id so far.

        Args:
            refine: completes a record before.
        """
        self._refine = refine
        self._seen: dict[str, str] = {}

    def __call__(self, found: Record) -> Record:
        """Complete a record, or refuse it; the same code twice is one code."""
        found = self._refine(found)
        if found.fault or not found.id:
            return found
        known = self._seen.setdefault(found.id, found.source or found.code)
        if known != (found.source or found.code):
            return replace(found, fault=f"an id that another code has, too: {found.id}")
        return found


def opposed(found: Record, count: int) -> Record:
    """Clean a record's hard negatives as its code was, and keep the first ones.

    A negative that is empty, repeated, or the record's own code is none.

    Args:
        found: a complete record.
        count: of negatives to keep; a record with fewer is refused.
    """
    clean: dict[str, str] = {}
    for code in found.negatives:
        clean.setdefault(without_query(code, [found.query], found.language), code)
    own = found.code.strip()
    left = {code: raw for code, raw in clean.items() if code.strip() and code.strip() != own}
    if len(left) < count:
        fault = f"too few hard negatives: {len(left)} usable, data.negatives asks for {count}"
        return replace(found, fault=fault)
    return replace(found, negatives=tuple(left)[:count], opposed=tuple(left.values())[:count])
