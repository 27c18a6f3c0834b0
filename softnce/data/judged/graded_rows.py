"""Rows that name answers: one or several, with grades or without."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from softnce.data.records import IDS, Record, missing_column, record
from softnce.data.tables import Row, rows
from softnce.errors import DataError

Grades = dict[str, float]
_ANSWERS = ("answers", "positives", "relevant")
GRADE = ("relevance", "grade", "score")


def sound_rows(
    path: Path,
    columns: Mapping[str, str],
    bad: list[Record],
    *,
    needs: Sequence[str] = ("query", "code"),
    rename: Callable[[Row], Row] = lambda row: row,
) -> Iterator[tuple[Row, Record]]:
    """Read the rows of a file of queries or codes; those with a fault are put aside.

    Args:
        path: of the file.
        columns: the column of a field where it has a name of the user's own.
        bad: takes the rows with a fault.
        needs: the fields that each row must have.
        rename: gives the values of a row the names that are known here.

    Raises:
        DataError: the file lacks a column that is needed.
    """
    is_first = True
    for row in map(rename, rows(path)):
        if is_first and not row.fault and (lack := missing_column(row, columns, needs)):
            raise DataError(f"{path}:{row.line}: {lack}")
        is_first = is_first and bool(row.fault)
        found = record(_plain_id(row, columns), columns)
        if found.fault:
            bad.append(found)
        else:
            yield row, found


def answers_of(row: Row, found: Record, columns: Mapping[str, str]) -> Grades:
    """Return the grades of a row's answers by id: those it lists, or its own code.

    A column ``answers`` holds a list of ids, or grades by id; the id may be a list, too. A column
    ``relevance`` grades the one answer of its row.

    Raises:
        ValueError: a grade is no number, or the answers are neither a list nor a mapping.
    """
    listed = next((row.values[name] for name in _ANSWERS if row.values.get(name)), None)
    if listed is None:
        own = row.values.get(columns.get("id", ""), None) if "id" in columns else _first_id(row)
        listed = own if isinstance(own, list) else None
    if listed is not None:
        return _listed(listed)
    given = next((row.values[name] for name in GRADE if row.values.get(name) is not None), 1)
    return {found.id: grade(given)}


def grade(value: object) -> float:
    """Read a grade: a number from 0.

    Raises:
        ValueError: it is none.
    """
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        found = -1.0
    if not 0 <= found < 64:  # 2 to the power of a grade is its gain
        raise ValueError(f"relevance is {str(value)[:40]!r}, a number from 0 to 63 is needed")
    return found


def keyed(values: Mapping[str, Any], names: tuple[str, ...]) -> Any:  # noqa: ANN401  (any value)
    """Return the first filled value among columns whose names differ in case only."""
    lowered = {str(name).lower(): value for name, value in values.items()}
    return next((lowered[name] for name in names if lowered.get(name) not in (None, "")), None)


def _listed(value: object) -> Grades:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = [value]
    if isinstance(value, Mapping):
        return {str(name): grade(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return {str(one): 1.0 for one in value}
    raise ValueError(f"answers is {type(value).__name__}, a list of ids is needed")


def _first_id(row: Row) -> object:
    return next((row.values[name] for name in IDS if row.values.get(name)), None)


def _plain_id(row: Row, columns: Mapping[str, str]) -> Row:
    """Leave a list of ids out of what is read as one id."""
    names = (columns["id"],) if "id" in columns else IDS
    lists = [name for name in names if isinstance(row.values.get(name), list)]
    if not lists:
        return row
    return replace(row, values={n: v for n, v in row.values.items() if n not in lists})
