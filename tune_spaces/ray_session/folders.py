"""The folders that local Ray clusters write in: each goes with its search, at latest with the next.

A search that is killed leaves its folder behind. Whether a folder's search lives is told by a lock
on a file in it, which the system lets go when the process ends, however it ends.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from softnce.errors import SetupError

_PREFIX = "ray-"
_LOCK = ".softnce-search"


@contextmanager
def session_folder(place: Path) -> Iterator[Path]:
    """Make a folder for its owner alone; those that dead searches of this user left go first.

    Args:
        place: a short path; the names of sockets in it are bounded.

    Yields:
        The folder; it goes with the block, unless an error names it.
    """
    remove_dead(place)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    is_named = False
    with (folder / f"{_LOCK}.building").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        Path(lock.name).rename(folder / _LOCK)  # whoever finds it finds it locked
        try:
            yield folder
        except SetupError as error:
            is_named = str(folder) in str(error)
            raise
        finally:
            if is_named:
                (folder / _LOCK).unlink()  # from now on it is the user's
            else:
                shutil.rmtree(folder, ignore_errors=True)


def remove_dead(place: Path) -> None:
    """Remove the folders of this user's searches that ended without removing theirs."""
    for lock in place.glob(f"{_PREFIX}*/{_LOCK}"):
        try:
            if lock.parent.lstat().st_uid == os.getuid() and not lock.parent.is_symlink():
                _remove_if_dead(lock)
        except OSError:  # locked, or gone meanwhile
            continue


def _remove_if_dead(lock: Path) -> None:
    with lock.open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(lock.parent, ignore_errors=True)
