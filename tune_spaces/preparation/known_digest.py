"""The digest of pairs that a study has read before, known by the bytes of their files."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from softnce.errors import DataError
from softnce.whole_files import write_json
from tune_spaces.study.context import StudyContext

_FILE = "pairs.json"
_FORMAT = 2  # of the key; another one for another way to read the same files


def digest_of_files(context: StudyContext) -> str | None:
    """Hash the files of a study's pairs, and the settings by which they are read.

    Returns:
        A SHA-256 in hex: the same files, in any folder, and settings always make the same pairs.
        None where files are missing or no data set.
    """
    data = context.config.data
    total = hashlib.sha256(f"{_FORMAT} {version('softnce')}\n".encode())
    total.update(data.model_dump_json(exclude={"path"}).encode())
    try:
        for path in _files(context.folder.mined if data.path is None else Path(data.path)):
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            total.update(f"\n{json.dumps(path.name)} {content}".encode())
    except (OSError, ValueError, DataError):
        return None
    return total.hexdigest()


def _files(path: Path) -> list[Path]:
    from softnce.data.reading import part_files

    if path.is_dir():
        return [one for files in part_files(path).values() for one in files]
    if not path.is_file():
        raise DataError(f"{path} is not a file")
    return [path]


def known_digest(context: StudyContext) -> str | None:
    """Return the digest of a study's pairs if their files are those that it has read before."""
    try:
        known = json.loads((context.folder.root / _FILE).read_text(encoding="utf-8"))
        files, pairs = str(known["files"]), str(known["pairs"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pairs if files == digest_of_files(context) else None


def remember_digest(context: StudyContext, files: str | None, pairs: str) -> None:
    """Store the digest of a study's pairs beside that of their files.

    Args:
        context: the study, whose folder exists.
        files: their digest before they were read, after which they must not have changed; None
            where the study has written them itself.
        pairs: digest of what was read.
    """
    now = digest_of_files(context)
    if now is not None and files in (None, now):
        write_json(context.folder.root / _FILE, {"files": now, "pairs": pairs})
