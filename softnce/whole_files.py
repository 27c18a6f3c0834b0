"""Small files that are whole, or as they were: written beside their place, then renamed into it."""

import json
import os
import secrets
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
