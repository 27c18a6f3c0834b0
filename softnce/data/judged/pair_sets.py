"""Sets of pairs as sets to evaluate on: a folder of splits with a codebase, or one file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from softnce.data.judged.codes import read_codes, searched
from softnce.data.judged.graded_rows import GRADE, Grades, answers_of, keyed, sound_rows
from softnce.data.judged.judged_set import Codebase, JudgedQuery, SearchedCode, SetOptions
from softnce.data.pairs import check_has_code, families
from softnce.data.reading import Tally, complete, part_files
from softnce.data.records import Record, key_of
from softnce.data.splitting import splits
from softnce.data.tables import Row

HELD_OUT = ("valid", "test")


@dataclass(slots=True)
class _SplitQuery:
    """A query as a row has it; rows that grade an answer each are joined by their query."""

    part: str
    query: JudgedQuery
    is_graded: bool = False


@dataclass(slots=True)
class _Reader:
    """What has been read of a set so far."""

    options: SetOptions
    tally: Tally
    codes: dict[str, SearchedCode] = field(default_factory=dict)
    queries: list[_SplitQuery] = field(default_factory=list)

    def queries_of(self, path: Path, part: str, *, has_codebase: bool) -> None:
        """Read the queries of a file; without a codebase their own codes are searched."""
        columns, bad, kept = self.options.columns, list[Record](), 0
        needs = ("query",) if has_codebase else ("query", "code")
        for row, found in sound_rows(path, columns, bad, needs=needs):
            fault = self._fault(row, found, part, has_codebase=has_codebase)
            if fault:
                bad.append(replace(found, fault=fault))
            kept += not fault
        self.tally.account(path, kept, bad)

    def _fault(self, row: Row, found: Record, part: str, *, has_codebase: bool) -> str:
        """Take a row's query with its answers, or say why it cannot be taken."""
        if not found.query:
            return "empty query"
        language = found.language or self.tally.language
        if not has_codebase:
            if not found.code.strip():
                return "empty code"
            self.codes.setdefault(key_of(found), searched(found, language))
            found = replace(found, id=key_of(found))
        try:
            grades = answers_of(row, found, self.options.columns)
        except ValueError as error:
            return str(error)
        known = {name: grade for name, grade in grades.items() if name in self.codes}
        if not known:
            return f"not in the codebase: {next(iter(grades), '') or 'it has no url'}"
        if lost := len(grades) - len(known):
            self.tally.dropped["answers that are not in the codebase"] += lost
        is_graded = keyed(row.values, GRADE) is not None
        query = JudgedQuery(found.query, known, language)
        self.queries.append(_SplitQuery(part, query, is_graded))
        return ""


def folder_set(folder: Path, options: SetOptions, tally: Tally, *, name: str = "") -> Codebase:
    """Read a folder with ``valid|test|codebase`` files.

    Args:
        folder: of the set.
        options: how it is read.
        tally: the account of its rows; it holds the language of rows that do not say.
        name: of the language whose codebase this is, where a set has one for each.

    Raises:
        DataError: something is missing, damaged or bad beyond the share.
    """
    files = part_files(folder)
    reader = _Reader(options, tally, read_codes(files.get("codebase", []), options.columns, tally))
    has_codebase = bool(reader.codes)
    for part in HELD_OUT:
        for path in files.get(part, []):
            if not has_codebase:
                check_has_code(path, options.columns)
            reader.queries_of(path, part, has_codebase=has_codebase)
    return _codebase(name, reader.codes, reader.queries, options.split)


def file_set(path: Path, options: SetOptions, tally: Tally) -> Codebase:
    """Read one file of pairs, divided as a search divides it.

    Raises:
        DataError: it is damaged, lacks a column, or is bad beyond the share.
    """
    bad: list[Record] = []
    pairs: list[tuple[Record, Record]] = []  # as they stand, and as a search reads them
    for _, found in sound_rows(path, options.columns, bad):
        raw = replace(found, language=found.language or tally.language)
        whole = complete(raw)
        if whole.fault:
            bad.append(whole)
        else:
            pairs.append((raw, whole))
    tally.account(path, len(pairs), bad)
    chosen = (
        ["test"] * len(pairs)
        if options.split == "all"
        else splits(families([whole for _, whole in pairs]), seed=options.seed)
    )
    codes: dict[str, SearchedCode] = {}
    split_queries: list[_SplitQuery] = []
    for part in HELD_OUT:
        for (raw, whole), own in zip(pairs, chosen, strict=True):
            if own == part:
                key = key_of(whole)
                codes.setdefault(key, searched(raw, tally.language))
                split_queries.append(
                    _SplitQuery(part, JudgedQuery(raw.query, {key: 1.0}, raw.language))
                )
    return _codebase("", codes, split_queries, options.split)


def _codebase(
    name: str, codes: Mapping[str, SearchedCode], split_queries: Sequence[_SplitQuery], split: str
) -> Codebase:
    """Keep the queries of a split; the codes know the queries of all."""
    queries_of: dict[str, list[str]] = {key: list(code.queries) for key, code in codes.items()}
    for one in split_queries:
        for key in one.query.grades:
            queries_of[key].append(one.query.text)
    wanted = [one for one in split_queries if split in ("all", one.part)]
    return Codebase(
        name=name,
        queries=tuple(_joined(wanted)),
        codes={key: replace(code, queries=tuple(queries_of[key])) for key, code in codes.items()},
    )


def _joined(split_queries: Iterable[_SplitQuery]) -> list[JudgedQuery]:
    found: dict[object, JudgedQuery] = {}
    for number, one in enumerate(split_queries):
        key = (one.query.text, one.query.language) if one.is_graded else number
        before: Grades = dict(found[key].grades) if key in found else {}
        found[key] = replace(one.query, grades=before | dict(one.query.grades))
    return list(found.values())
