"""Folders of tokens and vectors: known by a marker, and cleared of what softnce wrote alone."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from softnce.errors import ConfigError
from softnce.ragged import DIGESTS
from softnce.whole_files import write_json

MARKER = "softnce-cache.json"
USERS = "studies.txt"
_CURE = "name a new or empty folder in resources.cache, or leave it out"
_KEY = "[0-9a-f]{20}"  # what cache_key returns
_TABLES = re.compile(rf"{_KEY}(-weights)?|\.{_KEY}(-weights)?-[a-z0-9_]{{8}}")  # whole or torn
_FILES = re.compile(rf"{_KEY}\.json|\.{_KEY}\.json-[0-9a-f]{{8}}\.building|{_KEY}\.\d+\.building")


@dataclass(frozen=True, slots=True)
class Contents:
    """What lies in a cache.

    Attributes:
        ours: files that softnce wrote there.
        foreign: names of what it did not.
    """

    ours: Sequence[Path]
    foreign: Sequence[str]


def require_cache(cache: Path, study: Path) -> None:
    """Check that a folder is, or can become, the cache of a study; nothing is written.

    Args:
        cache: the folder, which need not exist.
        study: folder of the study that will use it.

    Raises:
        ConfigError: it holds other things, or lies in or around a part of a study.
    """
    _require_apart(cache, study)
    if cache.exists() and not cache.is_dir():
        raise ConfigError(f"{cache}: a file, where the cache should be", _CURE)
    if cache.is_dir() and not is_cache(cache):
        foreign = contents(cache).foreign
        if foreign:
            raise ConfigError(f"{cache}: no cache of softnce, for it holds {foreign[0]}", _CURE)


def open_cache(cache: Path, study: Path) -> None:
    """Make a cache, or mark an empty folder as one, and note a study that uses it from outside.

    Args:
        cache: the folder.
        study: folder of the study; nobody cleans the cache while it searches.

    Raises:
        ConfigError: as require_cache.
    """
    require_cache(cache, study)
    cache.mkdir(parents=True, exist_ok=True)
    if not is_cache(cache):
        write_json(cache / MARKER, {"about": "tokens and vectors; softnce clean cache frees them"})
    if not cache.is_relative_to(study) and study not in users_of(cache):
        with (cache / USERS).open("a", encoding="utf-8", errors="surrogateescape") as file:
            file.write(f"{study}\n")


def is_cache(folder: Path) -> bool:
    """Tell whether a folder carries the marker of a cache."""
    return (folder / MARKER).is_file()


def users_of(cache: Path) -> set[Path]:
    """Return the studies outside a cache that its list names; they need not exist any more."""
    path = cache / USERS
    if not path.is_file():
        return set()
    lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    return {Path(line) for line in lines if line.startswith("/") and "\0" not in line}


def contents(cache: Path) -> Contents:
    """Tell what softnce wrote into a cache from what it did not; links are never followed."""
    ours: list[Path] = []
    foreign: list[str] = []
    for path in sorted(cache.iterdir()):
        if path.is_symlink():
            foreign.append(path.name)
        elif path.is_file() and _FILES.fullmatch(path.name):
            ours.append(path)
        elif path.is_dir() and _TABLES.fullmatch(path.name):
            inside = sorted(path.iterdir())
            arrays = [one for one in inside if _is_array(one)]
            ours += arrays
            foreign += [f"{path.name}/{one.name}" for one in inside if one not in set(arrays)]
        elif path.name not in (MARKER, USERS):
            foreign.append(path.name)
    return Contents(ours, foreign)


def clear(cache: Path, files: Sequence[Path]) -> None:
    """Remove files of a cache, then its folders that are empty, and itself if only marked."""
    for path in files:
        path.unlink(missing_ok=True)
    for folder in _empty_tables(cache):
        folder.rmdir()
    if [path.name for path in cache.iterdir()] == [MARKER]:
        (cache / MARKER).unlink()
        if not cache.is_symlink():
            cache.rmdir()


def _require_apart(cache: Path, study: Path) -> None:
    """Check that a cache is no part of any study, unless it is the one that a study has."""
    if cache.is_relative_to(study / "cache"):
        return
    if cache.is_relative_to(study) or study.is_relative_to(cache):
        where = "inside" if cache.is_relative_to(study) else "around"
        raise ConfigError(f"resources.cache: {cache} lies {where} the study {study}", _CURE)
    for above in (cache, *cache.parents):
        if (above / "study.json").is_file() and not cache.is_relative_to(above / "cache"):
            raise ConfigError(f"resources.cache: {cache} is a part of the study {above}", _CURE)


def _empty_tables(cache: Path) -> Iterator[Path]:
    for path in sorted(cache.iterdir()):
        is_ours = path.is_dir() and not path.is_symlink() and _TABLES.fullmatch(path.name)
        if is_ours and not any(path.iterdir()):
            yield path


def _is_array(path: Path) -> bool:
    is_ours = path.suffix == ".npy" or path.name == DIGESTS
    return is_ours and path.is_file() and not path.is_symlink()
