"""CoSQA as the hub has it: a corpus, queries, and for each split which code answers which query."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from softnce.data.public.code_search_net import Chosen, line_of, sound
from softnce.data.public.known_sets import PARTS
from softnce.data.public.set_files import SetFiles, part_of
from softnce.errors import DataError

_NO_ANSWER = "code that does not answer its query"  # as people judged; a row as published
_TEXT, _JUDGED = {"_id", "text"}, {"query-id", "corpus-id"}


def web_query_parts(files: SetFiles) -> Chosen:
    """Join the queries of each split with the codes that answer them.

    Raises:
        DataError: a file is damaged, or the corpus, the queries or the judgements are missing.
    """
    chosen = Chosen("judgements of the set")
    texts: dict[str, dict[str, str]] = {"corpus": {}, "queries": {}}
    judged: list[tuple[str, Path]] = []
    for path in files.files:
        shown = path.relative_to(files.folder)
        first = next(iter(sound(path, chosen)), (0, {}))[1].keys()
        if first >= _JUDGED:
            judged.append((part_of(shown), path))
        elif first >= _TEXT:
            kind = "queries" if "quer" in shown.as_posix().lower() else "corpus"
            texts[kind] |= _texts(path, chosen)
    lacking = [name for name, found in texts.items() if not found]
    if lacking or not judged:
        raise DataError(
            f"{files.folder} holds no {' and no '.join(lacking) or 'judgements'} of the set",
            "name the folder with corpus, queries (_id, text) and judgements (query-id, corpus-id)",
        )
    _join(chosen, judged, texts["queries"], texts["corpus"])
    return chosen


def _texts(path: Path, chosen: Chosen) -> dict[str, str]:
    return {str(row["_id"]): str(row["text"] or "") for _, row in sound(path, chosen)}


def _join(
    chosen: Chosen,
    judged: Iterable[tuple[str, Path]],
    queries: Mapping[str, str],
    codes: Mapping[str, str],
) -> None:
    for part, path in judged:
        for _, row in sound(path, chosen):
            reason = _refusal(part, row, queries, codes)
            if reason:
                chosen.dropped[reason] += 1
                chosen.refused[part] += reason == _NO_ANSWER
                continue
            name = str(row["corpus-id"])
            pair = {"query": queries[str(row["query-id"])], **_code(name, codes[name])}
            chosen.parts[part].append(line_of(pair if part == "train" else pair | {"code": ""}))
    chosen.parts["codebase"] = [
        line_of({"docstring": "", **_code(name, text)}) for name, text in codes.items()
    ]


def _refusal(
    part: str, row: Mapping[str, Any], queries: Mapping[str, str], codes: Mapping[str, str]
) -> str:
    if part not in PARTS:
        return "judgement of no split"
    score = row.get("score")
    if isinstance(score, int | float) and score <= 0:
        return _NO_ANSWER
    if str(row["query-id"]) not in queries:
        return "judgement of a query that is missing"
    return "" if str(row["corpus-id"]) in codes else "judgement of a code that is missing"


def _code(name: str, text: str) -> dict[str, str]:
    return {"code": text, "url": f"cosqa:{name}", "language": "python"}
