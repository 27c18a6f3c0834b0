"""What MLflow shall hear, on disk: a log that is appended to, and a cursor of what has arrived.

A full disk tears the line that it cuts short; what was written before and after it stays readable.
"""

import json
import logging
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from softnce.whole_files import write_text

log = logging.getLogger(__name__)
Event = dict[str, Any]
_START = re.compile(rb'(?=\{"time_ms": )')  # as every event begins; quotes inside one are escaped


class EventLog:
    """Events in the order they happened; one process at a time writes them."""

    def __init__(self, folder: Path) -> None:
        self._path, self._cursor = folder / "tracking.jsonl", folder / "tracking.cursor"
        self._lock = threading.Lock()
        self._told: set[str] = set()

    def append(self, event: Event) -> None:
        """Write an event, stamped with the time, on a line of its own."""
        stamped = {"time_ms": int(time.time() * 1000), **event}
        line = json.dumps(stamped, default=str).encode() + b"\n"
        with self._lock, self._path.open("ab+") as file:
            file.write(line if _ends_whole(file) else b"\n" + line)

    def pending(self) -> list[tuple[Event, int]]:
        """Return the events that have not arrived, each with the cursor that follows it.

        Torn parts are left out, with one warning; an end without its newline is torn only once
        something follows it, for it may be in the writing.
        """
        return self._read(self._start)

    def all(self) -> list[Event]:
        """Return all events in order, those that have arrived too; an epoch may be there twice."""
        return [event for event, _ in self._read(lambda _: 0)]

    def _read(self, start: Callable[[int], int]) -> list[tuple[Event, int]]:
        """Return the events from where a function of the log's size tells."""
        if not self._path.exists():
            return []
        events, torn = [], []
        with self._lock, self._path.open("rb") as file:
            size = file.seek(0, 2)
            at = file.seek(start(size))
            for part in (part for line in file for part in _START.split(line)):
                after = at + len(part)
                event = _parsed(part)
                if event is not None:
                    events.append((event, after))
                elif part.strip() and (after < size or part.endswith(b"\n")):
                    torn.append(at)
                at = after
            self._warn_of(file, torn)
        return events

    def arrived(self, cursor: int) -> None:
        """Remember that all events up to a cursor have arrived."""
        write_text(self._cursor, str(cursor))

    def _start(self, size: int) -> int:
        """Return the cursor; 0, which sends all again, where it is damaged."""
        try:
            cursor = int(self._cursor.read_text() or 0)
        except FileNotFoundError:
            return 0
        except ValueError:
            cursor = -1
        if 0 <= cursor <= size:
            return cursor
        self._warn_once(
            f"{self._cursor}: damaged; all events are sent again, which changes nothing"
        )
        return 0

    def _warn_of(self, file: IO[bytes], torn: list[int]) -> None:
        if torn:
            file.seek(0)
            before = file.read(torn[-1])
            lines = ", ".join(str(before.count(b"\n", 0, at) + 1) for at in torn)
            self._warn_once(f"{self._path}:{lines}: torn, as by a full disk; left out")

    def _warn_once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            log.warning(message)


def _ends_whole(file: IO[bytes]) -> bool:
    """Tell whether a file is empty or ends in a newline."""
    size = file.seek(0, 2)
    file.seek(max(size - 1, 0))
    return file.read(1) in (b"", b"\n")


def _parsed(part: bytes) -> Event | None:
    try:
        event = json.loads(part)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "kind" in event else None
