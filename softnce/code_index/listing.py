"""The functions of a code base; files that have not changed since are not read again."""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from softnce.code_index.functions import IndexedFile, IndexedFunction, file_functions
from softnce.data.mining.function_extraction import Source
from softnce.data.mining.sources import sources
from softnce.data.source_code.language import Language
from softnce.data.source_code.languages.table import LANGUAGES
from softnce.data.tables import require_there
from softnce.errors import DataError
from softnce.weights.cache import cache_key
from softnce.whole_files import write_text

Progress = Callable[[str, int, int], None]
_VERSION = 2  # of what is remembered; another when functions would be cut out otherwise
_SETTLED_NS = 2_000_000_000  # a file younger than that when it was read may change unnoticed
_NO_TEST = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class Listed:
    """A function with the file that it stands in.

    Attributes:
        source: the file.
        language: name of its language.
        function: the function.
    """

    source: Source
    language: str
    function: IndexedFunction


@dataclass(frozen=True, slots=True)
class Listing:
    """All functions of a code base.

    Attributes:
        functions: by file name, in the order in which they stand.
        files: number of files that were looked at.
        read: number of them that were read anew.
        tests: number of test files left out.
        faults: files that could not be used, with what is wrong.
        was_damaged: whether what was remembered could not be read.
    """

    functions: tuple[Listed, ...]
    files: int
    read: int
    tests: int
    faults: tuple[tuple[str, str], ...]
    was_damaged: bool


@dataclass(frozen=True, slots=True)
class _Found:
    files: list[Source]
    tests: int
    faults: tuple[tuple[str, str], ...]


def listed_functions(path: Path, memory: Path, *, with_tests: bool, progress: Progress) -> Listing:
    """List the functions of a file or folder of code, in any language that can be mined.

    Args:
        path: of the code.
        memory: folder that remembers what files held.
        with_tests: whether files of tests count; always where there are no others.
        progress: is told the phase, how much is done, and how much there is.

    Raises:
        DataError: there is no such path, no file of code below it, or no function in them.
        OSError: the memory cannot be written.
    """
    require_there(path, "name a folder or a file of code")
    progress("listing files", 0, 1)
    found = _found(path, with_tests=with_tests or not path.is_dir())
    if found.tests and not found.files:
        found = _found(path, with_tests=True)
    store = memory / f"{cache_key('listing', root=os.path.realpath(path), version=_VERSION)}.json"
    known, was_damaged = _remembered(store)
    files: dict[str, tuple[IndexedFile, list[int]]] = {}
    read = 0
    for place, source in enumerate(found.files):
        progress("reading functions", place, len(found.files))
        stamp = _stamp(source.path)
        before = known.get(source.name)
        if before is not None and stamp and before[1] == stamp:
            files[source.name] = before
            continue
        read += 1
        now = time.time_ns()
        is_settled = bool(stamp) and max(stamp[1], stamp[2]) < now - _SETTLED_NS
        files[source.name] = (
            file_functions(source.path, LANGUAGES[source.language]),
            stamp if is_settled else [],
        )
    if read or files.keys() != known.keys():
        _remember(store, files)
    return _listing(path, found, files, read=read, was_damaged=was_damaged)


def _found(path: Path, *, with_tests: bool) -> _Found:
    """List the files of all languages, by name."""
    languages = _languages(path)
    if with_tests:
        languages = [replace(language, test_path=_NO_TEST) for language in languages]
    found = sources([path], languages, seed=0)
    files = sorted(found.files, key=lambda one: one.name)
    return _Found(files, found.skipped["test file"], tuple(found.faults))


def _languages(path: Path) -> list[Language]:
    """Return the languages that a folder may hold, or the one of a file."""
    if path.is_dir():
        return list(LANGUAGES.values())
    own = [one for one in LANGUAGES.values() if path.name.lower().endswith(one.suffixes)]
    if not own:
        known = ", ".join(suffix for one in LANGUAGES.values() for suffix in one.suffixes)
        raise DataError(f"{path}: no source file of a known language", f"known are {known}")
    return own


def _listing(
    path: Path,
    found: _Found,
    files: Mapping[str, tuple[IndexedFile, list[int]]],
    *,
    read: int,
    was_damaged: bool,
) -> Listing:
    functions = tuple(
        Listed(source, LANGUAGES[source.language].name, function)
        for source in found.files
        for function in files[source.name][0].functions
    )
    faults = [(name, one.fault) for name, (one, _) in files.items() if one.fault]
    faults += found.faults
    if not functions:
        raise _nothing(path, found, faults)
    return Listing(functions, len(found.files), read, found.tests, tuple(faults), was_damaged)


def _nothing(path: Path, found: _Found, faults: Sequence[tuple[str, str]]) -> DataError:
    if faults:
        name, fault = faults[0]
        more = f" and {len(faults) - 1} more" if faults[1:] else ""
        return DataError(
            f"{path}: no function can be read; {name}: {fault}{more}", "mend or name other files"
        )
    return DataError(
        f"{path}: no function in {len(found.files)} files", "name a folder whose files hold some"
    )


def _stamp(path: Path) -> list[int]:
    """Return what changes when a file does; nothing where the system cannot tell."""
    try:
        found = path.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _remembered(store: Path) -> tuple[dict[str, tuple[IndexedFile, list[int]]], bool]:
    """Return what files held with their stamps, and whether that was damaged."""
    try:
        digest, _, text = store.read_text(encoding="utf-8").partition("\n")
        if digest != hashlib.sha256(text.encode()).hexdigest():
            return {}, True
        content: dict[str, Any] = json.loads(text)
        return {name: _entry(one) for name, one in content.items()}, False
    except FileNotFoundError:
        return {}, False
    except (OSError, ValueError, TypeError, KeyError):
        return {}, True


def remembered_digests(memory: Path) -> set[str]:
    """Return the digests of all functions of all code bases that are remembered."""
    return {
        function.digest
        for store in memory.glob("*.json")
        for file, _ in _remembered(store)[0].values()
        for function in file.functions
    }


def _entry(one: Mapping[str, Any]) -> tuple[IndexedFile, list[int]]:
    functions = tuple(map(IndexedFunction.of_list, one["functions"]))
    return IndexedFile(functions, str(one["fault"])), list(map(int, one["stamp"]))


def _remember(store: Path, files: Mapping[str, tuple[IndexedFile, list[int]]]) -> None:
    content = {
        name: {
            "functions": [function.as_list() for function in one.functions],
            "fault": one.fault,
            "stamp": stamp,
        }
        for name, (one, stamp) in files.items()
    }
    text = json.dumps(content)
    store.parent.mkdir(parents=True, exist_ok=True)
    write_text(store, f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")
