"""Rows of numbers by the digest of their text, on disk: what was made once is not made again.

Each addition is a folder of its own that appears whole or not at all, so any number of processes
may add at once; a row that two of them add stands there twice and is the same.
"""

import secrets
import shutil
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from softnce.ragged import Ragged, is_whole, open_array, save_arrays
from softnce.weights.cache import cache_key

Arrays = dict[str, NDArray[np.generic]]
_KEYS = "keys"
OFFSETS = "offsets"  # where each row of a ragged array begins, and its end
_HIDDEN = "."


@dataclass(frozen=True)
class Segment:
    """Rows that were added at once, their arrays by name; these are memory-mapped."""

    folder: Path
    keys: tuple[str, ...]
    arrays: Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class StoredRows:
    """All rows of one kind.

    Attributes:
        segments: in a fixed order; rows are counted through them.
        damaged: folders that were not what had been written, and were removed.
    """

    segments: tuple[Segment, ...]
    damaged: tuple[Path, ...] = ()

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row number of each text by its digest."""
        keys = [key for segment in self.segments for key in segment.keys]
        return {key: row for row, key in enumerate(keys)}


def stored_rows(folder: Path, names: Sequence[str]) -> StoredRows:
    """Open what lies in a folder; what is damaged is removed.

    Args:
        folder: need not exist.
        names: of the arrays that each segment must have.

    Raises:
        OSError: the system refuses to read.
    """
    if not folder.is_dir():
        return StoredRows(())
    segments, damaged = [], []
    for one in sorted(folder.iterdir()):
        if one.name.startswith(_HIDDEN):
            continue
        segment = _segment(one, names)
        if segment is None and one.exists():  # another process may have removed it
            _vanish(one)
            damaged.append(one)
        elif segment is not None:
            segments.append(segment)
    return StoredRows(tuple(segments), tuple(damaged))


def add_rows(folder: Path, keys: Sequence[str], arrays: Arrays) -> None:
    """Keep rows.

    Args:
        folder: of rows of this kind.
        keys: digests of the texts, 32 hexadecimal digits each.
        arrays: by name.

    Raises:
        OSError: the disk is full or refuses; nothing of it is kept.
    """
    packed = np.frombuffer(bytes.fromhex("".join(keys)), np.uint8).reshape(len(keys), -1)
    save_arrays(folder / cache_key("rows", keys=list(keys)), {_KEYS: packed, **arrays})


def merged(
    folder: Path, stored: StoredRows, names: Sequence[str], wanted: Container[str]
) -> StoredRows:
    """Write the rows that are wanted as one segment, then remove those that it replaces.

    Args:
        folder: of rows of this kind.
        stored: all of them.
        names: of their arrays.
        wanted: digests of the texts whose rows are kept.

    Raises:
        OSError: the disk is full or refuses; the segments stand.
    """
    kept = [row for key, row in stored.rows.items() if key in wanted]
    keys = [key for key in stored.rows if key in wanted]
    add_rows(folder, keys, _taken(stored, names, np.array(kept, np.int64)))
    whole = cache_key("rows", keys=keys)
    for segment in stored.segments:
        if segment.folder.name != whole:
            _vanish(segment.folder)
    return stored_rows(folder, names)


def _taken(stored: StoredRows, names: Sequence[str], rows: NDArray[np.int64]) -> Arrays:
    """Return the arrays of some rows; with offsets, the first array is ragged."""
    flat = np.concatenate([segment.arrays[names[0]] for segment in stored.segments])
    if OFFSETS not in names:
        return {names[0]: flat[rows]}
    parts = [np.diff(segment.arrays[OFFSETS].astype(np.int64)) for segment in stored.segments]
    offsets = np.concatenate([[0], np.concatenate(parts).cumsum()]).astype(np.int64)
    found = Ragged(flat, offsets).take(rows)
    return {names[0]: found.values, OFFSETS: found.offsets}


def _vanish(folder: Path) -> None:
    """Remove a segment at once: another process meets all of it or nothing."""
    with suppress(OSError):
        hidden = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
        folder.rename(hidden)
        shutil.rmtree(hidden, ignore_errors=True)


def _segment(folder: Path, names: Sequence[str]) -> Segment | None:
    try:
        if not is_whole(folder):
            return None
        packed = open_array(folder, _KEYS)
        arrays = {name: open_array(folder, name) for name in names}
    except (OSError, ValueError):
        return None
    digits = packed.tobytes().hex()
    width = 2 * packed.shape[1]
    keys = tuple(digits[at : at + width] for at in range(0, len(digits), width))
    return Segment(folder, keys, arrays)
