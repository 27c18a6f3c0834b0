"""Small files that are whole, or as they were: written beside their place, then renamed into it."""

import filecmp
import json
import os
import re
import secrets
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file, durably and at once; a reader never meets half of it.

    Args:
        path: of the file, whose folder exists.
        content: the whole of it.

    Raises:
        OSError: the disk is full or refuses; the former file stands.
    """
    building = path.with_name(f".{path.name}-{secrets.token_hex(4)}.building")
    try:
        with building.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        building.replace(path)
    except BaseException:
        building.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Replace a file with a text in UTF-8, as write_bytes does.

    Raises:
        OSError: as write_bytes.
    """
    write_bytes(path, text.encode())


def write_json(path: Path, content: object) -> None:
    """Replace a file with plain values as JSON, as write_bytes does; keys are sorted.

    Raises:
        OSError: as write_bytes.
    """
    write_text(path, json.dumps(content, indent=1, sort_keys=True) + "\n")


def beside(folder: Path) -> Path:
    """Make an empty folder, hidden, on the disk of another, which it may replace."""
    return Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))


def replace_folder(folder: Path, building: Path) -> None:
    """Let a folder take the place of another, which goes once it is replaced.

    Raises:
        OSError: the disk refuses; the former folder stands.
    """
    former = beside(folder)
    try:
        if folder.exists():
            folder.rename(former)  # on to an empty folder
        building.rename(folder)
    except BaseException:
        if any(former.iterdir()) and not folder.exists():
            former.rename(folder)
        raise
    finally:
        shutil.rmtree(former, ignore_errors=True)


def share(folder: Path, copy: Path, pattern: str) -> None:
    """Keep one file where a folder and its copy hold the same twice, if the disk has hard links.

    Args:
        folder: whose files stay as they are.
        copy: whose equal files become links to them.
        pattern: of the files that are large enough for it.
    """
    for file in folder.rglob(pattern):
        twin = copy / file.relative_to(folder)
        if not twin.is_file() or file.samefile(twin) or not filecmp.cmp(file, twin, shallow=False):
            continue
        link = twin.with_name(f".{twin.name}-{secrets.token_hex(4)}.building")
        with suppress(OSError):  # another disk, or one without links: then both copies stay
            link.hardlink_to(file)
            link.replace(twin)
        link.unlink(missing_ok=True)


def torn_beside(folder: Path) -> list[Path]:
    """List what was to replace a folder, and was left beside it by a process that was killed."""
    name = re.compile(rf"\.{re.escape(folder.name)}-[a-z0-9_]{{8}}")
    near = folder.parent.iterdir() if folder.parent.is_dir() else ()
    return sorted(one for one in near if name.fullmatch(one.name) and one.is_dir())
