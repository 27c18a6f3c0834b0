"""Finds the query, code, id and language in a row, under the column names of known data sets."""

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from softnce.data.source_code.docstrings import summary
from softnce.data.tables import Row
from softnce.errors import DataError

FIELDS = ("query", "code", "id", "language", "negatives")
_SHOWN = 30  # columns that a message names
_LONGEST = 60  # characters of each
_QUERIES = ("query", "docstring_tokens", "func_documentation_tokens")
_DOCSTRINGS = ("docstring", "func_documentation_string")
_CODES = ("code", "func_code_string", "original_string", "whole_func_string")
_CODE_TOKENS = ("code_tokens", "func_code_tokens")
IDS = ("url", "func_code_url", "id", "retrieval_idx")
KNOWN = {
    "query": (*_QUERIES, *_DOCSTRINGS),
    "code": (*_CODES, *_CODE_TOKENS),
    "id": IDS,
    "language": ("language",),
}


@dataclass(frozen=True, slots=True)
class Record:
    """What a row says; a field that it lacks is empty, and ``fault`` names a wrong one.

    Attributes:
        line: of its file.
        query: its question.
        code: as found; once it is complete, without its docstring.
        id: of the code.
        language: of the code.
        negatives: codes that do not answer it, likewise.
        docstring: the whole of what describes the function, where a column holds it.
        source: the code as found, once it is complete.
        opposed: the negatives as found, likewise.
        fault: what is wrong with it.
    """

    line: int
    query: str = ""
    code: str = ""
    id: str = ""
    language: str = ""
    negatives: tuple[str, ...] = ()
    docstring: str = ""
    source: str = ""
    opposed: tuple[str, ...] = ()
    fault: str = ""


def check_columns(columns: Mapping[str, str]) -> None:
    """Refuse a mapping of columns that names no field of a pair.

    Raises:
        DataError: a key is not one of ``FIELDS``.
    """
    for name in columns:
        if name not in FIELDS:
            raise DataError(
                f"columns: {name!r} is no field of a pair",
                f"use {', '.join(FIELDS)}",
            )


def missing_column(
    row: Row, columns: Mapping[str, str], needs: Iterable[str] = ("query", "code")
) -> str | None:
    """Tell which column a table lacks, and what to do, or None; one row shows it."""
    present = _listing(row.values)
    for name, column in columns.items():
        if column not in row.values:
            return f"no column {column!r} for {name!r}; the columns are: {present}"
    for name in needs:
        if name not in columns and not any(known in row.values for known in KNOWN[name]):
            return f"no column for {name!r}; say which of {present} it is with data.columns.{name}"
    return None


def _listing(names: Iterable[object]) -> str:
    """List some names in a message: the first ones, cut, and of characters that can be written."""
    shown = list(map(str, itertools.islice(names, _SHOWN + 1)))
    cut = [name if len(name) <= _LONGEST else name[:_LONGEST] + "..." for name in shown[:_SHOWN]]
    more = ["..."] if len(shown) > _SHOWN else []
    return ", ".join([*cut, *more]).encode(errors="backslashreplace").decode()


def record(row: Row, columns: Mapping[str, str], *, with_negatives: bool = False) -> Record:
    """Read a row; the first filled column of each field counts.

    Args:
        row: of a table.
        columns: the column of a field where it has a name of the user's own.
        with_negatives: whether its hard negatives are read too.
    """
    if row.fault:
        return Record(row.line, fault=row.fault)
    values = row.values
    try:
        if "query" in columns:
            query = _text(values, columns["query"])
        else:
            query = _first(values, _QUERIES) or summary(_first(values, _DOCSTRINGS))
        codes = (columns["code"],) if "code" in columns else (*_CODES, *_CODE_TOKENS)
        found = Record(
            line=row.line,
            query=" ".join(query.split()),
            code=_first(values, codes),
            id=_first(values, (columns["id"],) if "id" in columns else IDS),
            language=_first(values, (columns.get("language", "language"),)).strip().lower(),
            negatives=_codes(values, columns.get("negatives", "negatives"))
            if with_negatives
            else (),
            docstring=_first(values, _DOCSTRINGS),
        )
    except TypeError as error:
        return Record(row.line, fault=str(error))
    try:
        texts = (found.query, found.code, found.id, found.docstring, *found.negatives)
        "".join(texts).encode()
    except UnicodeEncodeError:
        return Record(row.line, fault="broken Unicode (half of a surrogate pair)")
    return found


def _first(values: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((text for name in names if (text := _text(values, name))), "")


def _text(values: Mapping[str, Any], name: str) -> str:
    """Read a column as text: a list of words is joined; tokens as plain text are passed by."""
    value = values.get(name)
    if value is None or (isinstance(value, str) and name.endswith("_tokens")):
        return ""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return " ".join(value).strip()
    if isinstance(value, str):
        return value if value.strip() else ""
    if isinstance(value, int) and not isinstance(value, bool) and name not in KNOWN["code"]:
        return str(value)
    raise TypeError(f"{name} is {type(value).__name__}, text is needed")


def _codes(values: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Read a column that holds one code or a list of them; a CSV cell may hold a JSON list."""
    value = values.get(name)
    if isinstance(value, str):
        value = _listed(value)
    if value is None:
        return ()
    codes = [one for one in value if one is not None] if isinstance(value, list) else [value]
    if all(isinstance(one, str) for one in codes):
        return tuple(one for one in codes if one.strip())
    raise TypeError(f"{name} is {type(value).__name__}, a code or a list of codes is needed")


def _listed(text: str) -> list[str]:
    try:
        found = json.loads(text) if text.lstrip().startswith("[") else None
    except (ValueError, RecursionError):
        return [text]
    if isinstance(found, list) and all(isinstance(one, str) for one in found):
        return found
    return [text]


def key_of(item: Record) -> str:
    """Name a code by its id, or, without one, by its text."""
    return item.id or "code:" + hashlib.sha256(item.code.encode()).hexdigest()[:16]
