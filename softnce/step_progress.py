"""How far a run is inside its epoch: a small file that its worker renews, for those who watch."""

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import final

FILE = "steps.json"
_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class StepsDone:
    """Where a run is.

    Attributes:
        epoch: that it trains, counted from 1.
        step: of the epoch, counted from 1.
        steps: of the epoch in all.
    """

    epoch: int
    step: int
    steps: int


@final
class StepProgress:
    """Renews a run's file, once a second at most: who watches costs the training nothing."""

    def __init__(self, folder: Path, *, is_told: bool) -> None:
        """Prepare for an epoch.

        Args:
            folder: of the run.
            is_told: whether this worker tells; the others are silent.
        """
        self._path, self._is_told, self._told = folder / FILE, is_told, 0.0

    def tell(self, where: StepsDone) -> None:
        """Renew the file where that is due; a full disk is met by the checkpoint, not here."""
        now = time.monotonic()
        if not self._is_told or (now - self._told < _EVERY_S and where.step < where.steps):
            return
        self._told = now
        with suppress(OSError):
            self._path.write_text(json.dumps([where.epoch, where.step, where.steps]))

    def end(self) -> None:
        """Take the file away: the run is complete."""
        if self._is_told:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


def steps_done(folder: Path) -> StepsDone | None:
    """Return where a run is; None before its first step, and where its file is in the writing.

    Args:
        folder: of the run.
    """
    try:
        epoch, step, steps = json.loads((folder / FILE).read_text())
        return StepsDone(int(epoch), int(step), int(steps))
    except (OSError, ValueError, TypeError):
        return None
