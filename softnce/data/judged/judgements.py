"""Sets whose answers stand apart: CodeSearchNet's annotationStore, BEIR's qrels, or alike.

A judgement names a query, by its text or by its id in a file ``queries``, the id of a code in the
file ``codebase`` or ``corpus`` beside it, and a grade. Several judges of one pair are averaged.
"""

import math
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

_STORE_SCALE = 3.0
_SHOWN = 100  # characters of a value that a message repeats

Judged = tuple[str, str]  # query, language


@dataclass(frozen=True, slots=True)
class _Judgement:
    query: str
    language: str
    code: str
    grade: float


def judgement_file(folder: Path, split: str) -> Path | None:
    """Find the file of judgements in a folder: one for all queries, or ``qrels/<split>``.

    Raises:
        DataError: there are two for all queries.
    """
    shared = [one for one in sorted(folder.iterdir()) if _FILE.match(one.name) and one.is_file()]
    if len(shared) > 1:
        both = f"{shared[0].name} and {shared[1].name}"
        raise DataError(f"{folder} has two files of judgements ({both})", "keep one of them")
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
    for one in _judgements(path, _Known(codes, texts, _scale(path)), tally):
        found[one.query, one.language][one.code].append(one.grade)
    return _by_language(found, codes)


def _scale(path: Path) -> float:
    """Return the highest grade of a file: CodeSearchNet's people gave 0 to 3."""
    return _STORE_SCALE if path.name.lower().startswith("annotationstore") else math.inf


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


def _judgements(path: Path, known: "_Known", tally: Tally) -> list[_Judgement]:
    kept: list[_Judgement] = []
    bad: list[Record] = []
    for row in rows(path):
        try:
            kept.append(_judgement(row, known, tally.language))
        except ValueError as error:
            bad.append(Record(row.line, fault=str(error)))
    tally.account(path, len(kept), bad)
    return kept


@dataclass(frozen=True, slots=True)
class _Known:
    """What a judgement may name.

    Attributes:
        codes: by id.
        queries: texts by id; empty where judgements hold the texts themselves.
        scale: the highest grade.
    """

    codes: Mapping[str, SearchedCode]
    queries: Mapping[str, str]
    scale: float


def _judgement(row: Row, known: _Known, language: str) -> _Judgement:
    """Read a judgement.

    Raises:
        ValueError: something is wrong with it.
    """
    if row.fault:
        raise ValueError(row.fault)
    query, code = (keyed(row.values, names) for names in (_QUERY, _CODE))
    if query is None or code is None:
        raise ValueError("a judgement needs a query and the id of a code")
    if str(code) not in known.codes:
        raise ValueError(f"not in the codebase: {str(code)[:_SHOWN]}")
    given = keyed(row.values, GRADE)
    found = 1.0 if given is None else grade(given)
    if found > known.scale:
        raise ValueError(f"relevance is {found:g}, a number from 0 to {known.scale:g} is needed")
    text = " ".join(str(query).split())
    if known.queries and text not in known.queries:
        raise ValueError(f"not among the queries: {text[:_SHOWN]}")
    spoken = _language(row, known.codes[str(code)], language)
    return _Judgement(known.queries.get(text, text), spoken, str(code), found)


def _language(row: Row, code: SearchedCode, default: str) -> str:
    """Return the language of a judgement: its own, else its code's.

    Raises:
        ValueError: they are not the same, so that the code is not in the codebase that is searched.
    """
    said = str(keyed(row.values, ("language",)) or "").strip().lower()
    if said and code.language and said != code.language:
        raise ValueError(f"judged as {said[:_SHOWN]}, and its code is {code.language}")
    return said or code.language or default
