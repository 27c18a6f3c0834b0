"""The runs of a confirmation on disk: each ends once, with the reciprocal rank of every query."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from softnce.checkpoints.retention import checkpoints, remove
from softnce.errors import RunError
from softnce.whole_files import write_json

SPLITS = ("valid", "test")
_FIRST_SEED = 20_001


@dataclass(frozen=True, slots=True)
class FreshRun:
    """One configuration trained with one fresh seed.

    Attributes:
        side: name of the configuration.
        seed: of its initial weights and of its order of batches.
    """

    side: str
    seed: int

    @property
    def key(self) -> str:
        """Its name everywhere: t0007-s20001."""
        return f"{self.side}-s{self.seed}"


@dataclass(frozen=True, slots=True)
class RunsFolder:
    """Where the runs of a study's confirmation lie.

    Attributes:
        root: STUDY/confirm.
    """

    root: Path

    def folder(self, run: FreshRun) -> Path:
        """The folder of a run."""
        return self.root / run.key

    def has_ended(self, run: FreshRun) -> bool:
        """Tell whether a run needs no more training: it has its scores, or it has failed."""
        return self._ending(run) is not None

    def failure(self, run: FreshRun) -> str:
        """Return why a run failed; empty where it has not."""
        return self._ending(run) or ""

    def end(self, run: FreshRun, failure: str = "") -> None:
        """Remember that a run has ended, and free its weights."""
        folder = self.folder(run)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "ended.json", {"failure": failure})
        remove(checkpoints(folder))

    def scores(self, side: str, seeds: Sequence[int], split: str) -> NDArray[np.float64]:
        """Return (seeds, queries) reciprocal ranks of the first seeds that a side has run.

        Raises:
            RunError: a file is damaged, or of other queries than those of the first seed.
        """
        rows: list[NDArray[np.float64]] = []
        for seed in seeds:
            run = FreshRun(side, seed)
            if not self.has_ended(run):
                break
            path = self.folder(run) / f"{split}.npy"
            found = _read(path)
            if rows and len(found) != len(rows[0]):
                raise _damaged(path, f"of {len(found)} queries, the others of {len(rows[0])}")
            rows.append(found)
        return np.stack(rows)

    def _ending(self, run: FreshRun) -> str | None:
        folder = self.folder(run)
        try:
            failure = str(json.loads((folder / "ended.json").read_text())["failure"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        is_scored = all((folder / f"{split}.npy").exists() for split in SPLITS)
        return failure if failure or is_scored else None


def _read(path: Path) -> NDArray[np.float64]:
    try:
        found: NDArray[np.float64] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _damaged(path, "not readable") from error
    if found.ndim != 1 or found.dtype != np.float64 or not np.isfinite(found).all():
        raise _damaged(path, "holds no reciprocal ranks")
    return found


def _damaged(path: Path, what: str) -> RunError:
    return RunError(f"{path}: {what}", f"remove {path.parent}, and softnce confirm makes it anew")


def fresh_seeds(used: Collection[int], count: int) -> list[int]:
    """Return the first seeds of a confirmation that no trial of the search has used.

    >>> fresh_seeds({1234, 20002}, 3)
    [20001, 20003, 20004]
    """
    seeds: list[int] = []
    seed = _FIRST_SEED
    while len(seeds) < count:
        if seed not in used:
            seeds.append(seed)
        seed += 1
    return seeds
