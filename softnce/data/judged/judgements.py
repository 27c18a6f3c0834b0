"""Sets whose answers stand apart: CodeSearchNet's annotationStore, BEIR's qrels, or alike.

A judgement names a query, by its text or by its id in a file ``queries``, the id of a code in the
file ``codebase`` or ``corpus`` beside it, and a grade. Several judges of one pair are averaged.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from softnce.data.judged.codes import KINDS, codebase_files, read_codes
from softnce.data.judged.graded_rows import GRADE, grade, keyed
from softnce.data.judged.judged_set import Codebase, JudgedQuery, SearchedCode, SetOptions
from softnce.data.reading import Tally
from softnce.data.records import Record
from softnce.data.tables import Row, rows
from softnce.errors import DataError

_FILE = re.compile(rf"(annotationstore|judge?ments|qrels)\.(?:{KINDS})(?:\.gz)?$", re.IGNORECASE)
_QUERIES = re.compile(rf"queries\.(?:{KINDS})(?:\.gz)?$")
_QUERY = ("query-id", "query_id", "qid", "query")
_CODE = ("corpus-id", "corpus_id", "githuburl", "url", "id", "doc_id", "docid")

Judged = tuple[str, str]  # query, language


@dataclass(frozen=True, slots=True)
class _Judgement:
    query: str
    language: str
    code: str
    grade: float


def judgement_file(folder: Path, split: str) -> Path | None:
    """Find the file of judgements in a folder: one for all queries, or ``qrels/<split>``."""
    shared = [one for one in sorted(folder.iterdir()) if _FILE.match(one.name) and one.is_file()]
    if shared:
        return shared[0]
    inner = folder / "qrels"
    own = re.compile(rf"{re.escape(split)}\.(?:{KINDS})(?:\.gz)?$")
    found = (
        [one for one in sorted(inner.iterdir()) if own.match(one.name)] if inner.is_dir() else []
    )
    return found[0] if found else None


def judged_sets(path: Path, folder: Path, options: SetOptions, tally: Tally) -> list[Codebase]:
    """Read judged queries with the codebase beside them; one codebase for each language judged.

    Args:
        path: of the judgements.
        folder: of the set.
        options: how it is read.
        tally: the account of its rows.

    Raises:
        DataError: the codes are not there, or something is damaged or bad beyond the share.
    """
    files = codebase_files(folder)
    if not files:
        raise DataError(
            f"{path} judges functions by their address, and {folder} has no codebase file with "
            "their code",
            "put the set's codebase.jsonl.gz there",
        )
    codes = read_codes(files, options.columns, tally)
    texts = _query_texts(folder)
    found: dict[Judged, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in _judgements(path, codes, tally):
        text = texts.get(one.query, one.query)
        found[text, one.language][one.code].append(one.grade)
    return _by_language(found, codes)


def _by_language(
    found: Mapping[Judged, Mapping[str, list[float]]], codes: Mapping[str, SearchedCode]
) -> list[Codebase]:
    languages = sorted({language for _, language in found})
    return [
        Codebase(
            name=language if len(languages) > 1 else "",
            queries=tuple(
                JudgedQuery(text, {code: fmean(given) for code, given in grades.items()}, own)
                for (text, own), grades in found.items()
                if own == language
            ),
            codes={
                key: code
                for key, code in codes.items()
                if len(languages) < 2 or code.language in ("", language)
            },
        )
        for language in languages
    ]


def _query_texts(folder: Path) -> dict[str, str]:
    """Return the queries that judgements name by an id."""
    files = [one for one in sorted(folder.iterdir()) if _QUERIES.match(one.name)]
    return {
        str(row.values["_id"]): " ".join(str(row.values["text"]).split())
        for path in files
        for row in rows(path)
        if "_id" in row.values and row.values.get("text")
    }


def _judgements(path: Path, codes: Mapping[str, SearchedCode], tally: Tally) -> list[_Judgement]:
    kept: list[_Judgement] = []
    bad: list[Record] = []
    for row in rows(path):
        try:
            kept.append(_judgement(row, codes, tally.language))
        except ValueError as error:
            bad.append(Record(row.line, fault=str(error)))
    tally.account(path, len(kept), bad)
    return kept


def _judgement(row: Row, codes: Mapping[str, SearchedCode], language: str) -> _Judgement:
    if row.fault:
        raise ValueError(row.fault)
    query, code = (keyed(row.values, names) for names in (_QUERY, _CODE))
    if query is None or code is None:
        raise ValueError("a judgement needs a query and the id of a code")
    if str(code) not in codes:
        raise ValueError(f"not in the codebase: {code}")
    given = keyed(row.values, GRADE)
    return _Judgement(
        " ".join(str(query).split()),
        str(keyed(row.values, ("language",)) or language).lower(),
        str(code),
        1.0 if given is None else grade(given),
    )
