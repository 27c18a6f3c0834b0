"""Reads and parses one source file within bounds, so that no file can hang or fill a worker."""

import os
import stat
import time
from pathlib import Path

import numpy as np
from tree_sitter import Node, Tree

from softnce.data.source_code.parsing import parser

MAX_BYTES = 1_000_000
MAX_DEPTH = 1000  # brackets open at once; Python itself allows 200
MAX_ERROR = 5000  # words and signs that make no sense together
SECONDS = 10.0  # of the processor, for one file

_CHUNK = 65_536
_STEPS = np.zeros(256, np.int32)
_STEPS[list(b"([{")] = 1
_STEPS[list(b")]}")] = -1


class UnreadableError(ValueError):
    """A file cannot be mined; the message says why in a few words."""


class Deadline:
    """The processor time that is left for a file: the same under any load of the machine."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.thread_time() + seconds

    def is_over(self) -> bool:
        """Tell whether the time is spent."""
        return time.thread_time() > self._end

    def check(self) -> None:
        """Stop the work on a file that has had its time.

        Raises:
            UnreadableError: the time is spent.
        """
        if self.is_over():
            raise UnreadableError(f"takes longer than {self._seconds:g} s to read")


def read_source(path: Path) -> bytes:
    """Read a regular file of UTF-8 text; nothing else is opened, or waited for.

    Raises:
        UnreadableError: it is no regular file, too large, nested too deeply or not UTF-8.
        OSError: the system refuses.
    """
    _require_regular(path.stat())  # before it is opened: opening a device may already do something
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123
        _require_regular(os.fstat(file.fileno()))
        content = file.read(MAX_BYTES + 1)
    return checked(content)


def checked(content: bytes) -> bytes:
    """Refuse what is too much for a parser; a byte order mark is taken off.

    Raises:
        UnreadableError: it is too large, nested too deeply or not UTF-8.
    """
    if len(content) > MAX_BYTES:
        raise UnreadableError(f"larger than {MAX_BYTES // 1_000_000} MB")
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise UnreadableError(f"not UTF-8 (byte {error.start})") from error
    depth = int(_STEPS[np.frombuffer(content, np.uint8)].cumsum().max(initial=0))
    if depth > MAX_DEPTH:
        raise UnreadableError(f"nested deeper than {MAX_DEPTH} brackets")
    return content


def _require_regular(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise UnreadableError("not a regular file")


def parsed(content: bytes, key: str, deadline: Deadline) -> Tree:
    """Parse a file.

    Args:
        content: of the file.
        key: of its language in the table.
        deadline: for it.

    Raises:
        UnreadableError: the deadline came first.
    """
    reader = parser(key)
    try:
        return reader.parse(
            lambda start, _: content[start : start + _CHUNK],
            progress_callback=lambda _offset, _has_error: deadline.is_over(),
        )
    except ValueError:
        reader.reset()  # or it would go on with this file at the next one
        deadline.check()
        raise


def require_small_errors(root: Node) -> None:
    """Refuse what takes time without a chance to stop: it grows with the square of an error.

    Raises:
        UnreadableError: a syntax error spans so much that a search in it would take minutes.
    """
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.is_error and node.child_count > MAX_ERROR:
            raise UnreadableError(f"a syntax error over more than {MAX_ERROR} signs")
        if node.has_error:
            waiting += [child for child in node.children if child.has_error]
