"""Every query of a confirmation: how well the candidate and InfoNCE answer it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from softnce.secret import masked
from softnce.whole_files import write_text
from tune_spaces.report.fresh_runs import ChangedQuery, answered_queries

FILES = {"valid": "per_query.json", "test": "per_query_test.json"}
_LONGEST = 300  # characters of a query


def write_query_tables(
    root: Path, facts: Mapping[str, Any], texts: Sequence[str] | None
) -> list[Path]:
    """Write a table of each split where a confirmation was judged, in the form of MLflow's tables.

    Those of the test split have no texts: who reads them begins to choose by them. Their rows are
    enough to compare two models query by query.

    Args:
        root: the study's folder.
        facts: what its verdict rests on.
        texts: of the validation queries, where they are at hand and may be told.

    Returns:
        The files; none where nothing was confirmed, or the scores of its runs are gone.
    """
    written = []
    for split, name in FILES.items():
        queries = answered_queries(root, facts, split)
        if queries:
            words = texts if split == "valid" else None
            content = json.dumps(_table(queries, facts, words), ensure_ascii=False)
            write_text(root / name, content)
            written.append(root / name)
    return written


def _table(
    queries: Sequence[ChangedQuery], facts: Mapping[str, Any], texts: Sequence[str] | None
) -> dict[str, Any]:
    columns = ["row", f"{facts['candidate']}", f"{facts['opponent']} (InfoNCE)", "change"]
    numbers = [[one.row, *_rounded(one.ours, one.theirs, one.gain)] for one in queries]
    if texts is None:
        return {"columns": columns, "data": numbers}
    words = [_text(texts[one.row]) for one in queries]
    return {
        "columns": ["query", *columns],
        "data": [[word, *row] for word, row in zip(words, numbers, strict=True)],
    }


def _rounded(*values: float) -> list[float]:
    return [round(value, 4) for value in values]


def _text(query: str) -> str:
    return masked(" ".join(query.split())[:_LONGEST])
