"""The codes that queries search: read from codebase or corpus files, each under its id."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from softnce.data.judged.graded_rows import sound_rows
from softnce.data.judged.judged_set import SearchedCode
from softnce.data.reading import Tally
from softnce.data.records import Record, key_of
from softnce.data.tables import READERS, Row

KINDS = "|".join(kind[1:] for kind in READERS)
_CODEBASE = re.compile(rf"(codebase|corpus)(-\d+-of-\d+)?\.(?:{KINDS})(?:\.gz)?$")


def codebase_files(folder: Path) -> list[Path]:
    """List the files of codes in a folder, shards in order."""
    return [one for one in sorted(folder.iterdir()) if _CODEBASE.match(one.name) and one.is_file()]


def read_codes(
    files: Sequence[Path], columns: Mapping[str, str], tally: Tally
) -> dict[str, SearchedCode]:
    """Read codes by id; of equal ids the first one counts, and another code is a bad row.

    Raises:
        DataError: a file is empty, lacks a column, or has too many bad rows.
    """
    codes: dict[str, SearchedCode] = {}
    for path in files:
        bad: list[Record] = []
        kept = 0
        for _, found in sound_rows(path, columns, bad, needs=("code",), rename=_of_corpus):
            if not found.code.strip():
                bad.append(replace(found, fault="empty code"))
                continue
            own = searched(found, tally.language)
            if codes.setdefault(key_of(found), own).text != own.text:
                bad.append(replace(found, fault=f"an id that another code has, too: {found.id}"))
                continue
            kept += 1
        tally.account(path, kept, bad)
    return codes


def searched(found: Record, language: str) -> SearchedCode:
    """Return a record's code with its own description."""
    return SearchedCode(found.code, found.language or language, found.query)


def _of_corpus(row: Row) -> Row:
    """Read a row of BEIR's corpus, ``_id`` with ``title`` and ``text``, as one of a codebase."""
    if "_id" not in row.values or "text" not in row.values:
        return row
    parts = (row.values.get("title"), row.values["text"])
    text = "\n".join(str(part) for part in parts if part)
    language = row.values.get("language", "")
    values = {"id": row.values["_id"], "code": text, "docstring": "", "language": language}
    return replace(row, values=values)
