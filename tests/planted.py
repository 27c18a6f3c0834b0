"""Looks for a planted password in files and texts, in all the spellings that it may have there."""

import base64
from urllib.parse import quote, quote_plus

PASSWORD = "s3cr3t/p@ss"
_PARTS = (PASSWORD, PASSWORD.partition("/")[0], "p@ss")  # as an address is torn at / and @


def spellings():
    """The password and its parts: raw, percent-encoded, and in base64 at any place of a text."""
    for part in _PARTS:
        yield from {part.encode(), quote(part, safe="").encode(), quote_plus(part).encode()}
        for before in range(3):
            code = base64.b64encode(b"\0" * before + part.encode() + b"\0\0\0")
            first, last = -(-before * 8 // 6), (before + len(part)) * 8 // 6
            yield code[first:last]


def found_in(*texts):
    """Return the spellings that stand in texts or bytes."""
    whole = [one.encode(errors="replace") if isinstance(one, str) else one for one in texts]
    return {spelling for spelling in spellings() for text in whole if spelling in text}


def files_with_it(*folders):
    """Return the files that hold it, in name or content, and how many were looked at."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    held = [
        path for path in files if found_in(path.read_bytes(), str(path)) and not path.is_socket()
    ]
    return held, len(files)
