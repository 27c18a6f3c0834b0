"""Writes a set in the GraphCodeBERT layout: train, valid, test, codebase as gzipped JSON lines."""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from softnce.errors import DataError

REPORT = "mining.json"
PARTS = ("train", "valid", "test", "codebase")
_FILES = (*(f"{part}.jsonl.gz" for part in PARTS), REPORT)

JsonRecord = Mapping[str, Any]


@contextmanager
def writable(out: Path) -> Iterator[None]:
    """Make a folder for a set, and remove it again where nothing comes to lie in it.

    Raises:
        DataError: it is a file, or a folder with other things in it.
    """
    if out.exists() and not out.is_dir():
        raise DataError(
            f"{out} is a file",
            "name a new folder",
        )
    if out.is_dir() and any(out.iterdir()) and not (out / REPORT).is_file():
        raise DataError(
            f"{out} holds files that mining did not write",
            "name a new folder",
        )
    was_there = out.is_dir()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{out} cannot be created: {error.strerror}") from error
    try:
        yield
    finally:
        if not was_there:
            with suppress(OSError):  # it holds the set
                out.rmdir()


def write_set(
    out: Path, parts: Mapping[str, Sequence[JsonRecord]], report: Mapping[str, Any]
) -> None:
    """Write a set whole: every file under another name first, then all renamed.

    Equal records give equal bytes; a part without records gives no file.

    Raises:
        DataError: the disk refuses.
    """
    waiting: list[Path] = []
    try:
        for part in filter(parts.get, PARTS):
            waiting.append(out / f".{part}.jsonl.gz")
            _write_lines(waiting[-1], parts[part])
        waiting.append(out / f".{REPORT}")
        waiting[-1].write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        for name in _FILES:
            (out / name).unlink(missing_ok=True)
        for path in waiting:
            path.replace(out / path.name[1:])
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror}") from error
    finally:
        for path in waiting:
            path.unlink(missing_ok=True)


def _write_lines(path: Path, records: Sequence[JsonRecord]) -> None:
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=3, fileobj=raw, mtime=0) as file,
    ):
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
