"""What a search ran with: its command, the code's commit, the machine and all packages."""

import platform
import shlex
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from softnce.secret import masked

_GIT_TIMEOUT_S = 5.0


def environment() -> dict[str, Any]:
    """Return what this process runs with, as JSON can hold it and without secrets."""
    return {
        "command": command(),
        **git_commit(Path(__file__).resolve().parents[2]),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "packages": packages(),
    }


def source_tags() -> dict[str, str]:
    """Return the tags by which MLflow shows the program and the commit of a run."""
    commit = git_commit(Path(__file__).resolve().parents[2]).get("git_commit", "")
    words = command().split()[:2]  # not more: of a name with a / MLflow shows the end alone
    program = "Python" if words[0] == "#" else " ".join(words)
    return {
        "mlflow.source.name": program,
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": commit,
    }


def command() -> str:
    """Return the command that this process was started with, without secrets."""
    program = Path(sys.argv[0]).name if sys.argv else ""
    if program not in ("softnce", "__main__.py", "-c"):
        return f"# from Python: {program}"
    return masked(shlex.join(["softnce", *sys.argv[1:]]))


def packages() -> dict[str, str]:
    """Return the versions of all installed packages by name, in the order of their names."""
    found = {one.metadata["Name"]: one.version for one in distributions() if one.metadata["Name"]}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def git_commit(folder: Path) -> dict[str, Any]:
    """Return the commit of the code in a folder, and whether it was changed since.

    Args:
        folder: of a clone; what is installed from elsewhere has no commit.
    """
    if not (folder / ".git").exists():
        return {}
    commit, changes = (_git(folder, *words) for words in (("rev-parse", "HEAD"), _CHANGES))
    if not commit:
        return {}
    return {"git_commit": commit, "git_is_changed": bool(changes)}


_CHANGES = ("status", "--porcelain", "--untracked-files=no")


def _git(folder: Path, *words: str) -> str:
    try:
        ended = subprocess.run(  # noqa: S603  (our own words)
            ["git", "-C", str(folder), *words],  # noqa: S607  (whichever git there is)
            capture_output=True,
            text=True,
            check=False,
            timeout=_GIT_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""
