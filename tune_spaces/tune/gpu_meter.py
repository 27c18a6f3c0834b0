"""GPU hours of a study: the seconds of its running trials, times the GPUs that each reserves.

They are counted over all searches of the study, in a file of its folder that is written while
trials run, so that a search which is killed forgets a few seconds at most.
"""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

from ray.tune import Callback

from softnce.config.sections.study import ResourcesSection
from softnce.errors import ConfigError
from softnce.whole_files import write_json
from tune_spaces.tune.of_this_process import OfThisProcess

_FILE = "gpu-hours.json"
_WRITTEN_EVERY_S = 5.0


@final
class GPUMeter:
    """Counts the GPU hours of a study's trials, and tells when they reach a limit."""

    def __init__(
        self,
        root: Path,
        resources: ResourcesSection,
        *,
        limit: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Go on counting where the study's folder left off.

        Args:
            root: the study's folder.
            resources: what a trial reserves.
            limit: GPU hours of the whole study; None: no limit.
            clock: seconds.

        Raises:
            ConfigError: what was used before cannot be read.
        """
        self._path, self._clock, self.limit = root / _FILE, clock, limit
        self._gpus = resources.workers * resources.gpus_per_worker
        self._running: set[str] = set()
        self._used_s = 3600 * used_gpu_hours(root)
        self._seen = self._written = clock()

    @property
    def hours(self) -> float:
        """GPU hours of the study so far."""
        self._count()
        return self._used_s / 3600

    @property
    def is_spent(self) -> bool:
        """Whether the limit is reached."""
        return self.limit is not None and self.hours >= self.limit

    def begin(self, key: str) -> None:
        """Count a trial from now on."""
        self._count()
        self._running.add(key)

    def end(self, key: str) -> None:
        """Count a trial up to now; one that does not run is none to end."""
        self._count()
        self._running.discard(key)
        self._write()

    def end_all(self) -> None:
        """Count what still runs up to now: nothing of it runs any more."""
        self._count()
        self._running.clear()
        self._write()

    @contextmanager
    def running(self, key: str) -> Iterator[None]:
        """Count what a block trains."""
        self.begin(key)
        try:
            yield
        finally:
            self.end(key)

    def _count(self) -> None:
        now = self._clock()
        self._used_s += (now - self._seen) * self._gpus * len(self._running)
        self._seen = now
        if now - self._written > _WRITTEN_EVERY_S and self._running:
            self._write()

    def _write(self) -> None:
        self._written = self._seen
        if self._used_s:
            write_json(self._path, {"gpu_hours": self._used_s / 3600})


@final
class GPUMeterCallback(OfThisProcess, Callback):
    """Tells the meter which trials Tune runs."""

    def __init__(self, meter: GPUMeter) -> None:
        self._meter = meter

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: object) -> None:  # noqa: ANN401
        """Begin to count a trial."""
        del iteration, trials, info
        self._meter.begin(trial.trial_id)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: object) -> None:  # noqa: ANN401
        """Count no more of a trial that has failed or ended, or whose process died."""
        del iteration, trials, info
        self._meter.end(trial.trial_id)

    on_trial_recover = on_trial_complete = on_trial_error  # one whose process died starts once more


def used_gpu_hours(root: Path) -> float:
    """Return the GPU hours that a study has used; 0 before its first trial on a GPU.

    Raises:
        ConfigError: the file that tells them is damaged.
    """
    path = root / _FILE
    if not path.exists():
        return 0.0
    try:
        hours = float(json.loads(path.read_text(encoding="utf-8"))["gpu_hours"])
    except (ValueError, TypeError, KeyError):
        hours = math.nan
    if not 0 <= hours < math.inf:
        raise ConfigError(
            f"{path}: does not tell the GPU hours that the study has used",
            'write {"gpu_hours": N} into it, with N above those of all its trials',
        )
    return hours
