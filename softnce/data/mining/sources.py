"""Finds the files to mine below the folders given, in an order that is the same anywhere."""

import os
import sysconfig
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from softnce.data.mining.function_extraction import Source
from softnce.data.source_code.languages import Language
from softnce.data.splitting import hashed
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
    """Turn what was typed into paths; ``@environment`` stands for the installed packages."""
    found: list[Path] = []
    for name in names:
        found += environment_packages() if name == ENVIRONMENT else [Path(name)]
    return found


def sources(
    paths: Sequence[Path], language: Language, *, seed: int
) -> tuple[list[Source], Counter[str]]:
    """List the files of a language below some paths, shuffled by a seeded hash of their names.

    Args:
        paths: folders, or single files. With several, names start with the path's own last part.
        language: gives the suffixes, and which paths are tests.
        seed: another seed, another order.

    Returns:
        The files, and how many were left out by reason.

    Raises:
        DataError: a path does not exist, or no file of the language is there.
    """
    found: dict[Path, str] = {}
    for path, prefix in _prefixes(paths):
        for file in _files(path, {p.resolve() for p in paths}, language.suffixes):
            relative = file.relative_to(path).as_posix() if file != path else file.name
            found.setdefault(Path(os.path.realpath(file)), prefix + relative)
    kept = [
        Source(path, name) for path, name in found.items() if not language.test_path.search(name)
    ]
    if not found:
        where = ", ".join(map(str, paths))
        raise DataError(
            f"no {'/'.join(language.suffixes)} file below {where}: name a folder of code "
            "(site-packages, dist-packages, build folders and the like are mined only when named)"
        )
    return (
        sorted(kept, key=lambda source: (hashed(source.name, seed), source.name)),
        Counter({"test file": len(found) - len(kept)} if len(found) > len(kept) else {}),
    )


def _prefixes(paths: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    names = [path.resolve().name for path in paths]
    for index, (path, name) in enumerate(zip(paths, names, strict=True)):
        if not path.exists():
            raise DataError(f"{path} does not exist: name a folder or a file of code")
        if len(paths) == 1:
            yield path, ""
        else:
            yield path, f"{name}/" if names.count(name) == 1 else f"{index}-{name}/"


def _files(path: Path, roots: set[Path], suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Walk below a path; folders of vendored code, hidden ones and other roots are left alone."""
    if path.is_file():
        yield path
        return
    keep = {"site-packages", "dist-packages"} if (path / "pyvenv.cfg").exists() else set()
    for folder, inner, files in os.walk(path):
        inner[:] = sorted(
            name
            for name in inner
            if (name not in SKIPPED_FOLDERS or name in keep)
            and not name.startswith(".")
            and Path(folder, name) not in roots
            and not Path(folder, name, "pyvenv.cfg").exists()
        )
        for name in sorted(files):
            if name.lower().endswith(suffixes) and not name.startswith("."):
                yield Path(folder, name)
