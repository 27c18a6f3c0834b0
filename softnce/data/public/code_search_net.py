"""The rows of CodeSearchNet: as published, or those of the GraphCodeBERT-filtered set."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from softnce.data.public.known_sets import PARTS
from softnce.data.public.selection import unfit
from softnce.data.tables import rows
from softnce.errors import DataError

_MIRROR = {  # names of the parquet mirrors, and CodeSearchNet's own
    "repository_name": "repo",
    "func_path_in_repository": "path",
    "whole_func_string": "original_string",
    "func_code_string": "code",
    "func_code_tokens": "code_tokens",
    "func_documentation_string": "docstring",
    "func_documentation_tokens": "docstring_tokens",
    "func_code_url": "url",
    "split_name": "partition",
}
_HELD_OUT = ("valid", "test")
_OF_CODE: dict[str, Any] = {"original_string": "", "code": "", "code_tokens": []}
_OF_QUERY: dict[str, Any] = {"docstring": "", "docstring_tokens": []}


@dataclass(slots=True)
class Chosen:
    """The rows of each part as JSON lines, how they were chosen, and what was left out.

    ``refused`` counts, by part, published rows that are left out for what they say.
    """

    selected_by: str
    parts: dict[str, list[bytes]] = field(default_factory=lambda: {part: [] for part in PARTS})
    dropped: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


def line_of(row: Mapping[str, Any]) -> bytes:
    """Write a row as one line of JSON."""
    return json.dumps(row, ensure_ascii=False, default=str).encode(errors="backslashreplace")


def sound(path: Path, chosen: Chosen) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of a file with their lines; those that cannot be read are counted.

    Raises:
        DataError: the file is damaged, or none of its rows can be read.
    """
    bad = first = kept = 0
    reason = ""
    for row in rows(path):
        if row.fault:
            bad, first, reason = bad + 1, first or row.line, reason or row.fault
            chosen.dropped[row.fault.split(":")[0]] += 1
            continue
        kept += 1
        yield row.line, {_MIRROR.get(name, name): value for name, value in row.values.items()}
    if bad > kept:
        raise DataError(f"{path}:{first}: {reason}; {bad} of {bad + kept} rows cannot be read")


def ready_parts(files: Mapping[str, Sequence[Path]]) -> Chosen:
    """Take a set that is in the GraphCodeBERT layout already, row for row."""
    chosen = Chosen("the folder's own codebase")
    for part in PARTS:
        for path in files.get(part, ()):
            chosen.parts[part] += [line_of(row) for _, row in sound(path, chosen)]
    return chosen


def unfiltered_parts(files: Mapping[str, Sequence[Path]], language: str) -> Chosen:
    """Take every function of CodeSearchNet; the codebase is those of valid and test."""
    chosen = Chosen("all rows")
    for part, row in _functions(files, language, chosen):
        chosen.parts[part].append(line_of(row))
        if part in _HELD_OUT:
            chosen.parts["codebase"].append(line_of(row | _OF_QUERY))
    return chosen


def filtered_parts(
    files: Mapping[str, Sequence[Path]], language: str, lists: Mapping[str, Sequence[str]] | None
) -> Chosen:
    """Choose the functions of the filtered set; one codebase serves valid and test.

    Args:
        files: of each part of CodeSearchNet.
        language: of the functions.
        lists: of urls, for some parts or all; the rules choose where there is none.

    Raises:
        DataError: a file is damaged or lacks the urls.
    """
    listed = lists or {}
    chosen = Chosen("rules" if not listed else f"lists of urls ({', '.join(listed)})")
    wanted = {part: set(urls) for part, urls in listed.items()}
    found: dict[str, dict[str, bytes]] = {part: {} for part in PARTS}
    for part, row in _functions(files, language, chosen):
        url = row["url"]
        reason = "" if part in wanted else unfit(row, language)
        if part in wanted and url not in wanted[part]:
            chosen.dropped["not in the list of urls"] += 1
        elif reason:
            chosen.dropped[reason] += 1
        else:
            found[part][url] = line_of(row | _OF_CODE if part in _HELD_OUT else row)
        is_searched = url in wanted["codebase"] if "codebase" in wanted else True
        if part in _HELD_OUT and is_searched:
            found["codebase"][url] = line_of(row | _OF_QUERY)
    for part in PARTS:
        order = listed.get(part, list(found[part]))
        chosen.parts[part] = [found[part][url] for url in order if url in found[part]]
        if missing := len(order) - len(chosen.parts[part]):
            chosen.dropped[f"urls of {part} without a function in the files"] += missing
    return chosen


def _functions(
    files: Mapping[str, Sequence[Path]], language: str, chosen: Chosen
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the functions of a language with their part, each url once."""
    seen: set[str] = set()
    for part in ("train", *_HELD_OUT):
        for path in files.get(part, ()):
            for line, row in sound(path, chosen):
                if str(row.get("language") or language).lower() != language:
                    continue
                url = row.get("url")
                if not isinstance(url, str) or not url:
                    raise DataError(
                        f"{path}:{line}: no url, by which CodeSearchNet names a function",
                        "take CodeSearchNet's own rows, or its mirror's (func_code_url)",
                    )
                if url in seen:
                    chosen.dropped["url seen before"] += 1
                    continue
                seen.add(url)
                yield part, row
