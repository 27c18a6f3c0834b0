"""Finds the files to mine below the folders given, in an order that is the same anywhere."""

import os
import sysconfig
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from softnce.data.mining.function_extraction import Source
from softnce.data.mining.source_walk import SourceFolder, SourceWalk
from softnce.data.source_code.language import Language
from softnce.data.source_code.languages.table import language_of
from softnce.data.splitting import hashed
from softnce.data.tables import require_there
from softnce.errors import DataError

ENVIRONMENT = "@environment"  # on the command line: what environment_packages() finds


def environment_packages() -> tuple[Path, ...]:
    """Name the folders of code any Python has at hand: installed packages, then the stdlib."""
    found = [Path(sysconfig.get_path(key)).resolve() for key in ("purelib", "platlib", "stdlib")]
    return tuple(path for path in dict.fromkeys(found) if path.is_dir())


def named_paths(names: Sequence[str]) -> list[Path]:
    """Turn what was typed into paths; ``@environment`` stands for the installed packages.

    Raises:
        DataError: a path does not exist.
    """
    found: list[Path] = []
    for name in names:
        found += environment_packages() if name == ENVIRONMENT else [_there(Path(name))]
    return found


def wanted_languages(names: Sequence[str], *asked: str | None) -> tuple[str, ...]:
    """Decide whose files are mined; none means every language that can be.

    Args:
        names: what was typed for paths; the environment alone is Python packages.
        asked: languages that the user asked for; they are the only ones.
    """
    only = tuple(name for name in asked if name)
    return only or (("python",) if set(names) == {ENVIRONMENT} else ())


def _there(path: Path) -> Path:
    require_there(path, "name a folder or a file of code")
    return path


class Found(NamedTuple):
    """What lies below some paths: the files to mine, files left out by reason, folders unread."""

    files: list[Source]
    skipped: Counter[str]
    faults: list[tuple[str, str]]


def sources(paths: Sequence[Path], languages: Sequence[Language], *, seed: int) -> Found:
    """List the files of some languages below some paths, shuffled by a seeded hash of their names.

    Args:
        paths: folders, or single files. With several, names start with the path's own last part.
        languages: whose files are wanted.
        seed: another seed, another order.

    Raises:
        DataError: a path does not exist, or no file of the languages is there.
    """
    found: dict[Path, tuple[Source, Language]] = {}
    faults: list[tuple[str, str]] = []
    others = {_real(path) for path in paths}
    for root in _roots(paths):
        walk = SourceWalk(root.path, others, languages, root.name, faults)
        for file, folder in walk.files():
            found.setdefault(_real(file), _source(root, file, folder, languages))
    if not found:
        raise DataError(_no_file(paths, languages, faults))
    kept: list[Source] = []
    skipped: Counter[str] = Counter()
    for one, language in found.values():
        reason = _unwanted(one, language)
        if reason:
            skipped[reason] += 1
        else:
            kept.append(one)
    kept.sort(key=lambda source: (hashed(source.name, seed), source.name))
    return Found(kept, skipped, faults)


def _source(
    root: "_Root", file: Path, folder: SourceFolder, languages: Sequence[Language]
) -> tuple[Source, Language]:
    language = language_of(file.name, languages)
    if language is None and len(languages) != 1:
        raise DataError(
            f"{file}: no language is known whose files end in {file.suffix or 'nothing'}",
            "say which one it is in with --language",
        )
    language = language or languages[0]
    package = root.repository(folder.repository) or folder.packages.get(language.name)
    return Source(_real(file), root.name(file), package or root.top(file), language.key), language


def _unwanted(source: Source, language: Language) -> str:
    if language.test_path.search(source.name):
        return "test file"
    reasons = (why for pattern, why in language.skipped_path if pattern.search(source.name))
    return next(reasons, "")


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # Path.resolve raises at a loop of links


def _no_file(
    paths: Sequence[Path], languages: Sequence[Language], faults: list[tuple[str, str]]
) -> str:
    where = ", ".join(map(str, paths))
    if faults:
        return f"no file below {where} can be mined: {faults[0][0]}: {faults[0][1]}"
    suffixes = [suffix for language in languages for suffix in language.suffixes]
    return (
        f"no {'/'.join(suffixes)} file below {where}: name a folder of code "
        "(site-packages, dist-packages, build folders and the like are mined only when named)"
    )


@dataclass(frozen=True, slots=True)
class _Root:
    """A path to mine, and what the names of its files start with."""

    path: Path
    prefix: str

    def name(self, file: Path) -> str:
        """Name a file, or a folder, the same on any machine."""
        return _text(self.prefix + self._below(file).as_posix())

    def repository(self, found: Path | None) -> str:
        """Name the repository that a file lies in; "" where it is in none, or in the only one."""
        if found == self.path and self.prefix:  # one of several checkouts
            return _text(_real(self.path).name)
        return "" if found in (None, self.path) else _text(self._below(found).as_posix())

    def top(self, file: Path) -> str:
        """Name the first folder on the way to a file."""
        first, *rest = self._below(file).parts
        return _text(first if rest else Path(first).stem)

    def _below(self, file: Path) -> Path:
        return file.relative_to(self.path) if file != self.path else Path(file.name)


def _text(name: str) -> str:
    r"""Write bytes of a file name that are not UTF-8 as ``\xe9``: names are stored as UTF-8."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _roots(paths: Sequence[Path]) -> Iterator[_Root]:
    for path in paths:
        _there(path)
    names = [_real(path).name for path in paths]
    for index, (path, name) in enumerate(zip(paths, names, strict=True)):
        if len(paths) == 1:
            yield _Root(path, "")
        else:
            yield _Root(path, f"{name}/" if names.count(name) == 1 else f"{index}-{name}/")
