"""Finds the files of a public set, in a folder or on the hub, and which part each one holds."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from softnce.data.public.known_sets import LANGUAGES, KnownSet
from softnce.data.tables import READERS, require_there
from softnce.errors import DataError, SetupError

_KINDS = "|".join(kind[1:] for kind in READERS)
_TABLE = re.compile(rf"\.(?:{_KINDS})(?:\.gz)?$", re.IGNORECASE)
_PART = re.compile(r"(?:^|[^a-z])(train|valid|validation|dev|test|codebase)(?![a-z])")
_NAMES = {"validation": "valid", "dev": "valid"}


@dataclass(frozen=True, slots=True)
class SetFiles:
    """The files of a set.

    Attributes:
        origin: where they come from, as the manifest names it.
        folder: that holds them.
        files: in order.
    """

    origin: str
    folder: Path
    files: tuple[Path, ...]

    def by_part(self) -> dict[str, list[Path]]:
        """Return the files of train, valid, test and codebase; others are left out."""
        found: dict[str, list[Path]] = {}
        for path in self.files:
            part = part_of(path.relative_to(self.folder))
            if part:
                found.setdefault(part, []).append(path)
        return found


def part_of(path: Path) -> str:
    """Tell which part a file holds by its name, else by the folder it lies in; empty: neither.

    >>> part_of(Path("ruby/final/jsonl/valid/ruby_valid_0.jsonl.gz")), part_of(Path("a.parquet"))
    ('valid', '')
    """
    for name in reversed(path.parts):
        match = _PART.search(name.lower())
        if match:
            return _NAMES.get(match.group(1), match.group(1))
    return ""


def local_files(folder: Path, language: str) -> SetFiles:
    """List the tables of a language below a folder.

    Where folders are named after languages, only those of this language count.

    Raises:
        DataError: there is no such folder, or no table in it.
    """
    require_there(folder, "name the folder of the downloaded set")
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder", "name the folder of the downloaded set")
    tables = [one for one in sorted(folder.rglob("*")) if _TABLE.search(one.name) and one.is_file()]
    kept = [one for one in tables if _language_of(one.relative_to(folder)) in ("", language)]
    named = [one for one in kept if _language_of(one.relative_to(folder))]
    if not kept:
        raise DataError(
            f"{folder} holds no {language} table (.jsonl.gz, .parquet, .csv)",
            f"name the folder of the downloaded set, or the one above {language}/",
        )
    return SetFiles(folder.name, folder, tuple(named or kept))


def _language_of(path: Path) -> str:
    return next((name.lower() for name in path.parts[:-1] if name.lower() in LANGUAGES), "")


def hub_files(known: KnownSet, language: str, revision: str | None) -> SetFiles:
    """Fetch the files of a language from the hub, or take them from its cache.

    Args:
        known: the set.
        language: of its functions.
        revision: commit, tag or branch; None: the newest.

    Raises:
        SetupError: the hub cannot be reached, or has no such set.
    """
    from huggingface_hub import snapshot_download

    patterns = [pattern.format(language) for pattern in known.patterns]
    cure = "fetch its files elsewhere and name their folder with --from, or go online"
    try:
        folder = Path(
            snapshot_download(
                known.hub, repo_type="dataset", revision=revision, allow_patterns=patterns
            )
        )
    except (OSError, ValueError) as error:
        reason = _first_line(error)
        raise SetupError(f"{known.hub}: the hub did not give this set: {reason}", cure) from error
    files = tuple(one for one in sorted(folder.rglob("*.parquet")) if _is_of(one, folder, patterns))
    if not files:
        raise SetupError(f"{known.hub}: the hub has no {language} parquet file of this set", cure)
    return SetFiles(f"{known.hub}@{folder.name}", folder, files)


def _is_of(path: Path, folder: Path, patterns: Sequence[str]) -> bool:
    return any(path.relative_to(folder).match(pattern) for pattern in patterns)


def _first_line(error: Exception) -> str:
    return next(iter(f"{error}".strip().splitlines()), type(error).__name__)
