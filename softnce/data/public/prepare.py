"""Prepares a public set: its rows chosen, counted against the published ones, written whole."""

import gzip
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from softnce.data.public.code_search_net import (
    Chosen,
    filtered_parts,
    ready_parts,
    unfiltered_parts,
)
from softnce.data.public.known_sets import (
    CODE_SEARCH_NET,
    COSQA,
    FILTERED,
    PARTS,
    RAW,
    WEB_QUERIES,
    Counts,
    differences,
)
from softnce.data.public.selection import url_lists
from softnce.data.public.set_files import SetFiles, hub_files, local_files
from softnce.data.public.web_queries import web_query_parts
from softnce.errors import DataError, RunError
from softnce.whole_files import beside, replace_folder

MANIFEST = "prepared.json"
Protocol = Literal["graphcodebert", "raw"]
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user asks for.

    Attributes:
        name: codesearchnet or cosqa.
        language: of the functions.
        protocol: graphcodebert: the filtered set; raw: all of CodeSearchNet.
        source: folder of the downloaded files; None asks the hub.
        urls: folder with lists of the urls of the filtered set; None lets its rules decide.
        revision: of the set on the hub; None: the newest.
        is_strict: whether counts that differ from the published ones are an error.
    """

    name: Literal["codesearchnet", "cosqa"]
    language: str = "python"
    protocol: Protocol = "graphcodebert"
    source: Path | None = None
    urls: Path | None = None
    revision: str | None = None
    is_strict: bool = False


@dataclass(frozen=True, slots=True)
class PreparedSet:
    """What was prepared.

    Attributes:
        origin: where the rows come from.
        selected_by: how they were chosen.
        counts: of rows, by part.
        differences: parts whose count is not the published one, in words.
        dropped: rows left out, by reason.
    """

    origin: str
    selected_by: str
    counts: Counts
    differences: tuple[str, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)


def prepare_set(wish: Wish, out: Path, tell: Tell) -> PreparedSet:
    """Write a public set as a folder of ``train|valid|test|codebase.jsonl.gz`` with a manifest.

    The folder appears whole or not at all; one that was prepared before is replaced.

    Args:
        wish: which set, from where.
        out: the folder: new, empty, or prepared before.
        tell: is told the phase, how much is done, and of how much.

    Raises:
        DataError: files are missing, damaged, or hold no such rows; or the folder holds other
            things.
        SetupError: the hub is out of reach.
        RunError: counts differ from the published ones, and the wish is strict.
    """
    _check_writable(out)
    tell("finding files", 0, 1)
    known = COSQA if wish.name == "cosqa" else CODE_SEARCH_NET
    if wish.source is None:
        files = hub_files(known, wish.language, wish.revision)
    else:
        files = local_files(wish.source, wish.language)
    tell("reading rows", 0, 1)
    chosen = _chosen(wish, files)
    counts = {part: len(chosen.parts.get(part, ())) for part in PARTS}
    if not counts["codebase"] and not counts["train"]:
        raise DataError(f"{files.folder}: no row of {wish.name} in {wish.language} there")
    found = PreparedSet(
        origin=files.origin,
        selected_by=chosen.selected_by,
        counts=counts,
        differences=tuple(differences(Counter(counts) + chosen.refused, _expected(wish))),
        dropped=dict(chosen.dropped.most_common()),
    )
    if found.differences and wish.is_strict:
        raise RunError(
            f"{files.folder}: other counts than the published set: {'; '.join(found.differences)}",
            "take the whole set, or leave --strict out",
        )
    tell("writing", 0, 1)
    _write(out, chosen.parts, {**_manifest(wish, found)})
    return found


def _expected(wish: Wish) -> Counts:
    if wish.name == "cosqa":
        return WEB_QUERIES
    return (FILTERED if wish.protocol == "graphcodebert" else RAW).get(wish.language, {})


def _chosen(wish: Wish, files: SetFiles) -> Chosen:
    by_part = files.by_part()
    if "codebase" in by_part:
        if wish.protocol == "raw":
            raise DataError(
                f"{by_part['codebase'][0]}: a set with a codebase is the filtered one",
                "leave --protocol raw out, or name CodeSearchNet's own files",
            )
        return ready_parts(by_part)
    if wish.name == "cosqa":
        return web_query_parts(files)
    if wish.protocol == "raw":
        return unfiltered_parts(by_part, wish.language)
    lists = None if wish.urls is None else url_lists(wish.urls, wish.language)
    return filtered_parts(by_part, wish.language, lists)


def _manifest(wish: Wish, found: PreparedSet) -> dict[str, Any]:
    return {
        "set": wish.name,
        "language": wish.language,
        "protocol": wish.protocol if wish.name == "codesearchnet" else None,
        "origin": found.origin,
        "selected_by": found.selected_by,
        "counts": dict(found.counts),
        "published": dict(_expected(wish)),
        "differences": list(found.differences),
        "dropped": dict(found.dropped),
    }


def _check_writable(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file", "name a new folder")
    if out.is_dir() and any(out.iterdir()) and not (out / MANIFEST).is_file():
        raise DataError(f"{out} holds files that were not prepared here", "name a new folder")


def _write(out: Path, parts: Mapping[str, Sequence[bytes]], manifest: Mapping[str, Any]) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        building = beside(out)
    except OSError as error:
        raise DataError(f"{out} cannot be created: {error.strerror}") from error
    try:
        building.chmod(0o755)
        for part, rows in parts.items():
            if rows:
                _write_rows(building / f"{part}.jsonl.gz", rows)
        (building / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        replace_folder(out, building)
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _write_rows(path: Path, rows: Iterable[bytes]) -> None:
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=3, fileobj=raw, mtime=0) as file,
    ):
        for row in rows:
            file.write(row + b"\n")
