"""Finds the files to mine below the folders given, in an order that is the same anywhere."""

import os
import sysconfig
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from softnce.data.mining.function_extraction import Source
from softnce.data.source_code.languages import Language
from softnce.data.splitting import hashed
from softnce.data.tables import require_there
from softnce.errors import DataError

ENVIRONMENT = "@environment"  # on the command line: what environment_packages() finds
SKIPPED_FOLDERS = frozenset(
    "node_modules bower_components __pycache__ site-packages dist-packages build dist venv".split()  # noqa: SIM905
)


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


def _there(path: Path) -> Path:
    require_there(path, "name a folder or a file of code")
    return path


class Found(NamedTuple):
    """What lies below some paths: the files to mine, files left out by reason, folders unread."""

    files: list[Source]
    skipped: Counter[str]
    faults: list[tuple[str, str]]


def sources(paths: Sequence[Path], language: Language, *, seed: int) -> Found:
    """List the files of a language below some paths, shuffled by a seeded hash of their names.

    Args:
        paths: folders, or single files. With several, names start with the path's own last part.
        language: gives the suffixes, and which paths are tests.
        seed: another seed, another order.

    Raises:
        DataError: a path does not exist, or no file of the language is there.
    """
    found: dict[Path, Source] = {}
    faults: list[tuple[str, str]] = []
    for root in _roots(paths):
        walk = _Walk(root, {_real(path) for path in paths}, language.suffixes, faults)
        for file, repository in walk.files():
            path = _real(file)
            found.setdefault(path, Source(path, root.name(file), root.package(file, repository)))
    if not found:
        raise DataError(_no_file(paths, language, faults))
    kept = [one for one in found.values() if not language.test_path.search(one.name)]
    tests = len(found) - len(kept)
    kept.sort(key=lambda source: (hashed(source.name, seed), source.name))
    return Found(kept, Counter({"test file": tests} if tests else {}), faults)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # Path.resolve raises at a loop of links


def _no_file(paths: Sequence[Path], language: Language, faults: list[tuple[str, str]]) -> str:
    where = ", ".join(map(str, paths))
    if faults:
        return f"no file below {where} can be mined: {faults[0][0]}: {faults[0][1]}"
    return (
        f"no {'/'.join(language.suffixes)} file below {where}: name a folder of code "
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

    def package(self, file: Path, repository: Path | None) -> str:
        """Name what a file belongs to: its repository, else the first part of its path."""
        if repository == self.path and self.prefix:  # one of several checkouts
            return _text(_real(self.path).name)
        if repository is not None and repository != self.path:
            return _text(self._below(repository).as_posix())
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


@dataclass(frozen=True, slots=True)
class _Walk:
    """A walk below a root; folders of vendored code, hidden ones and other roots are left alone."""

    root: _Root
    others: set[Path]
    suffixes: tuple[str, ...]
    faults: list[tuple[str, str]]

    def files(self) -> Iterator[tuple[Path, Path | None]]:
        """Yield each file with the repository (a folder that holds .git) that it lies in."""
        top = self.root.path
        if not top.is_dir():
            yield top, None
            return
        keep = {"site-packages", "dist-packages"} if (top / "pyvenv.cfg").exists() else set()
        waiting: list[tuple[Path, Path | None]] = [(top, None)]  # a stack: folders may lie deep
        while waiting:
            folder, repository = waiting.pop()
            inner, files, is_repository = self._listed(folder)
            repository = folder if is_repository else repository
            for name in files:
                yield folder / name, repository
            waiting += [
                (folder / name, repository)
                for name in reversed(inner)
                if self._is_wanted(folder / name, keep)
            ]

    def _listed(self, folder: Path) -> tuple[list[str], list[str], bool]:
        """List the folders and the files of the language in a folder, and whether it has .git."""
        try:
            with os.scandir(folder) as entries:
                found = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
        except OSError as error:
            self.faults.append((self.root.name(folder), error.strerror or type(error).__name__))
            return [], [], False
        shown = sorted(name for name in found if not name.startswith("."))
        files = [name for name in shown if name.lower().endswith(self.suffixes)]
        return (
            [name for name in shown if found[name]],
            [name for name in files if not found[name] and not (folder / name).is_dir()],
            ".git" in found,
        )

    def _is_wanted(self, folder: Path, keep: set[str]) -> bool:
        is_vendored = folder.name in SKIPPED_FOLDERS and folder.name not in keep
        if is_vendored or folder in self.others:
            return False
        try:
            return not (folder / "pyvenv.cfg").exists()
        except OSError:  # the folder will be named when it cannot be listed
            return True
