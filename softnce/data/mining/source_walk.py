"""Walks the folders below a root for files of code; what is vendored or hidden is left alone."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from softnce.data.mining.source_text import UnreadableError, read_source
from softnce.data.source_code.language import Language, Manifest

SKIPPED_FOLDERS = frozenset(
    [
        "node_modules",
        "bower_components",
        "__pycache__",
        "site-packages",
        "dist-packages",
        "build",
        "dist",
        "venv",
        "vendor",
        "third_party",
        "target",
    ]
)
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class SourceFolder:
    """A folder on the walk.

    Attributes:
        path: where it is.
        repository: the folder with .git that it lies in; None without one.
        packages: name of the package that it belongs to, by language, where a manifest says it.
    """

    path: Path
    repository: Path | None = None
    packages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceWalk:
    """A walk below a root.

    Attributes:
        top: the root, a folder or a single file.
        others: folders that have walks of their own.
        languages: whose files are wanted.
        name: names a folder in a message.
        faults: receives each folder that cannot be listed, with the reason.
    """

    top: Path
    others: set[Path]
    languages: Sequence[Language]
    name: Callable[[Path], str]
    faults: list[tuple[str, str]]

    def files(self) -> Iterator[tuple[Path, SourceFolder]]:
        """Yield each file with the folder that it lies in."""
        if not self.top.is_dir():
            yield self.top, SourceFolder(self.top)
            return
        keep = {"site-packages", "dist-packages"} if _is_environment(self.top) else set()
        waiting = [SourceFolder(self.top)]  # a stack: folders may lie deep
        while waiting:
            folder = waiting.pop()
            inner, files = self._listed(folder.path)
            folder = self._described(folder, inner, files)
            for name in files:
                if self._is_code(name, folder.path):
                    yield folder.path / name, folder
            waiting += [
                SourceFolder(folder.path / name, folder.repository, folder.packages)
                for name in reversed(inner)
                if self._is_wanted(folder.path / name, keep)
            ]

    def _listed(self, folder: Path) -> tuple[list[str], list[str]]:
        """List the folders and the files in a folder."""
        try:
            with os.scandir(folder) as entries:
                found = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
        except OSError as error:
            self.faults.append((self.name(folder), error.strerror or type(error).__name__))
            return [], []
        names = sorted(found)
        return [name for name in names if found[name]], [n for n in names if not found[n]]

    def _described(
        self, folder: SourceFolder, inner: Sequence[str], files: Sequence[str]
    ) -> SourceFolder:
        """Note the repository or the packages that begin with a folder."""
        is_repository = ".git" in inner or ".git" in files
        packages = dict(folder.packages)
        for language in self.languages:
            name = _package(language.manifest, folder.path, files) if language.manifest else ""
            if name:
                packages[language.name] = name
        return SourceFolder(
            folder.path, folder.path if is_repository else folder.repository, packages
        )

    def _is_code(self, name: str, folder: Path) -> bool:
        if name.startswith(".") or not any(
            name.lower().endswith(language.suffixes) for language in self.languages
        ):
            return False
        return not (folder / name).is_dir()  # a link to one

    def _is_wanted(self, folder: Path, keep: set[str]) -> bool:
        if folder.name.startswith(".") or folder in self.others:
            return False
        if folder.name in SKIPPED_FOLDERS and folder.name not in keep:
            return False
        return not _is_environment(folder)


def _is_environment(folder: Path) -> bool:
    try:
        return (folder / "pyvenv.cfg").exists()
    except OSError:  # the folder will be named when it cannot be listed
        return False


def _package(manifest: Manifest, folder: Path, files: Sequence[str]) -> str:
    """Read a package's name where a folder has its manifest; "" where it cannot be read."""
    for file in files:
        if manifest.file.fullmatch(file):
            try:
                name = manifest.name(read_source(folder / file).decode())
            except (OSError, UnreadableError):
                continue
            return " ".join(name.split())[:_LONGEST_NAME].encode(errors="backslashreplace").decode()
    return ""
