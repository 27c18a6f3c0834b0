"""Reports each trial that waits for its resources, with the resources that it lacks."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import final

import ray
from ray.tune import Callback
from ray.tune.experiment import Trial

from softnce.config.sections.study import ResourcesSection
from softnce.distributed.placement_groups import unplaced, waits_for_its_workers
from tune_spaces.ray_session.capacity import uses_train, worker_needs
from tune_spaces.tune.of_this_process import OfThisProcess

_LOOK_EVERY_S = 1.0


@final
class WaitingRoom(OfThisProcess, Callback):
    """Looks at the trials that have begun and not started; each is reported once a wait."""

    def __init__(self, resources: ResourcesSection, tell: Callable[[str], None]) -> None:
        """Prepare the watch.

        Args:
            resources: what a trial needs, and how long it may wait in silence.
            tell: is handed a sentence for each trial that waits too long.
        """
        self._resources, self._tell = resources, tell
        self._since: dict[str, float] = {}
        self._told: set[str] = set()
        self._looked = 0.0

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: object) -> None:
        """Look at the trials, at most once per second."""
        del iteration, info
        if time.monotonic() - self._looked < _LOOK_EVERY_S:
            return
        self._looked = time.monotonic()
        living = [trial for trial in trials if not trial.is_finished()]
        waiting = self._waiting(living)
        for trial in living:
            self._look(trial.config["assignment"].folder.name, trial in waiting)

    def _look(self, key: str, is_waiting: bool) -> None:  # noqa: FBT001
        if not is_waiting:
            self._since.pop(key, None)
            self._told.discard(key)
            return
        waited = time.monotonic() - self._since.setdefault(key, time.monotonic())
        if waited > self._resources.wait_timeout_s and key not in self._told:
            self._told.add(key)
            self._tell(self._sentence(key, waited))

    def _waiting(self, living: Sequence[Trial]) -> list[Trial]:
        """Return the trials that have no place yet; one whose processes are starting has one.

        Tune asks for places in the order of the trials, so that those without are the last.
        """
        if uses_train(self._resources):
            return [
                trial
                for trial in living
                if waits_for_its_workers(trial.config["assignment"].folder)
            ]
        pending = [trial for trial in living if trial.status == Trial.PENDING]
        placed = len(pending) - unplaced(worker_needs(self._resources)) if pending else 0
        return pending[max(placed, 0) :]

    def _sentence(self, key: str, waited: float) -> str:
        needs, workers = worker_needs(self._resources), self._resources.workers
        wanted = " and ".join(f"{amount:g} {name}" for name, amount in needs.items())
        each = f"{workers} workers with {wanted} each" if workers > 1 else wanted
        return (
            f"{key} has waited {waited:.0f} s for {each}: {free_resources(needs)}; other jobs "
            "hold the rest, or a node was lost. It goes on waiting; Ctrl-C stops the search and "
            "keeps all"
        )


def free_resources(needs: Mapping[str, float]) -> str:
    """Say how much of each needed resource is free on the whole cluster."""
    free, total = ray.available_resources(), ray.cluster_resources()
    parts = [f"{free.get(name, 0):g} of {total.get(name, 0):g} {name}" for name in needs]
    return f"free are {' and '.join(parts)}"
