"""Rows of different lengths in two flat arrays: how token ids travel, on disk and in memory."""

import hashlib
import itertools
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DIGESTS = "digests.json"


@dataclass(frozen=True, slots=True)
class Ragged:
    """Row i is ``values[offsets[i]:offsets[i + 1]]``.

    Attributes:
        values: (total,) int32, all rows end to end.
        offsets: (n + 1,) int64, from 0 to total.
    """

    values: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(n,) how many values each row holds."""
        return np.diff(self.offsets)

    def row(self, index: int) -> NDArray[np.int32]:
        """Return one row."""
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def take(self, rows: NDArray[np.int64]) -> "Ragged":
        """Return the given rows, in the given order."""
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        return Ragged(self.values[places], offsets)


def ragged(rows: Sequence[Sequence[int]]) -> Ragged:
    """Lay rows end to end.

    >>> ragged([[5, 6], [], [7]]).lengths.tolist()
    [2, 0, 1]
    """
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    flat = itertools.chain.from_iterable(rows)
    values = np.fromiter(flat, dtype=np.int32, count=int(offsets[-1]))
    return Ragged(values, offsets)


def joined(first: Ragged, second: Ragged) -> Ragged:
    """Return the rows of both, the first's first."""
    return Ragged(
        np.concatenate([first.values, second.values]),
        np.concatenate([first.offsets, second.offsets[1:] + first.offsets[-1]]),
    )


def save_arrays(folder: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    """Write arrays as a folder of .npy files, with their digests, that appears whole or not at all.

    A damaged folder of that name is replaced; one that is whole has the same content, and stays.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, array in arrays.items():
            np.save(building / f"{name}.npy", array, allow_pickle=False)
        (building / DIGESTS).write_text(json.dumps(_digests(building)))
        if folder.is_dir() and not is_whole(folder):
            shutil.rmtree(folder, ignore_errors=True)  # another process may be at it, too
        building.rename(folder)
    except OSError:  # a full disk; or another process finished first: its content is the same
        shutil.rmtree(building)
        if not folder.is_dir():
            raise


def is_whole(folder: Path) -> bool:
    """Tell whether a folder holds what save_arrays wrote there, byte for byte."""
    try:
        return bool(json.loads((folder / DIGESTS).read_bytes()) == _digests(folder))
    except (OSError, ValueError, RecursionError):  # none, or no JSON
        return False


def open_array(folder: Path, name: str) -> NDArray[np.generic]:
    """Memory-map one array of a folder written by save_arrays."""
    array: NDArray[np.generic] = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    return array


def _digests(folder: Path) -> dict[str, str]:
    digests = {}
    for path in folder.glob("*.npy"):
        with path.open("rb") as file:
            digests[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests
