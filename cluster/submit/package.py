"""What travels with a job: the project's code and settings, never its data, secrets or studies."""

import fnmatch
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from softnce.errors import SetupError

LIMIT_MB = 100.0  # Ray's own wall is 500; every node holds a copy
_FOLDERS = {
    *(".git", ".venv", "venv", "node_modules", "mlruns", "mlartifacts", "softnce-studies"),
    *("__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".tox"),
    *(".import_linter_cache", ".ipynb_checkpoints"),
}
_FILES = (".env", ".env.*", ".netrc", "*.pem", "*.key", "id_rsa*", "id_ed25519*", "auth_token",
          "*.pyc", "*.safetensors", "*.db")  # fmt: skip
_SENT_ANYWAY = ("uv.lock",)  # often ignored by git; with it the job's environment is this one
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Package:
    """What was packed.

    Attributes:
        folder: a copy that holds just what travels.
        files: how many.
        size_mb: of all.
    """

    folder: Path
    files: int
    size_mb: float


def pack(project: Path, into: Path, *, excludes: Sequence[str] = ()) -> Package:
    """Copy what a job needs of a project.

    What git ignores stays here, and so do studies, caches, weights and files that hold secrets.

    Args:
        project: the folder with the code and the configuration.
        into: an empty folder.
        excludes: further patterns of paths relative to the project.

    Raises:
        SetupError: it is too large to travel; the largest parts are named.
    """
    sizes = {path: (project / path).stat().st_size for path in _listed(project, excludes)}
    total = sum(sizes.values()) / 1e6
    if total > LIMIT_MB:
        raise SetupError(
            f"{project}: {total:,.0f} MB would travel with the job, the limit is {LIMIT_MB:.0f}; "
            f"the largest are {_largest(sizes)}",
            "leave them out with --exclude PATTERN, or submit from a folder that holds the "
            "code only (--working-dir)",
        )
    for path in sizes:
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(project / path, into / path)
    return Package(into, len(sizes), total)


def _listed(project: Path, excludes: Sequence[str]) -> list[Path]:
    found = [path for path in _candidates(project) if not _stays(project, path, excludes)]
    known = set(found)
    found += [Path(name) for name in _SENT_ANYWAY if (project / name).is_file()]
    return sorted({*known, *found})


def _candidates(project: Path) -> Iterator[Path]:
    tracked = _not_ignored(project)
    if tracked is not None:
        yield from tracked
        return
    for folder, inner, files in os.walk(project):
        inner[:] = [name for name in inner if not _is_left(Path(folder, name))]
        yield from (Path(folder, name).relative_to(project) for name in files)


def _not_ignored(project: Path) -> list[Path] | None:
    """List what git does not ignore, or return None outside of a repository."""
    command = ["git", "-C", str(project), "ls-files", "-z", "-co", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True, timeout=60)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return [Path(os.fsdecode(name)) for name in listed.stdout.split(b"\0") if name]


def _stays(project: Path, path: Path, excludes: Sequence[str]) -> bool:
    name, full = path.name, project / path
    if full.is_symlink() or not full.is_file() or name == ".gitignore":
        return True
    if any(fnmatch.fnmatch(name, pattern) for pattern in _FILES):
        return True
    if any(fnmatch.fnmatch(str(path), one) or fnmatch.fnmatch(name, one) for one in excludes):
        return True
    return any(_is_left(project / parent) for parent in list(path.parents)[:-1])


def _is_left(folder: Path) -> bool:
    is_study = (folder / "study.json").exists()
    is_excluded = folder.name in _FOLDERS or folder.name.endswith(".egg-info")
    return is_excluded or is_study or (folder / "pyvenv.cfg").exists()


def _largest(sizes: dict[Path, int]) -> str:
    tops: dict[str, int] = {}
    for path, size in sizes.items():
        top = path.parts[0] + ("/" if len(path.parts) > 1 else "")
        tops[top] = tops.get(top, 0) + size
    ordered = sorted(tops.items(), key=lambda item: -item[1])[:_NAMED]
    return ", ".join(f"{name} ({size / 1e6:,.0f} MB)" for name, size in ordered)
