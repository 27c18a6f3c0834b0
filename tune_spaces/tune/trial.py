"""One trial as a Ray Tune Trainable: a step is an epoch, wherever the epoch is trained.

``InlineTrial`` trains in its own actor. ``TrainTrial`` owns a Ray Train run: it starts the run in a
thread, relays the reports, and stops the run before it goes, so that no worker outlives its trial.
What the trial needs to go on after a crash lies in its folder, not in Tune's checkpoints.
Only who trains imports torch: an owner starts without it.
"""

import logging
import math
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, final

from ray.tune import Trainable

from softnce.distributed.run import Assignment, Report, Running, failure
from softnce.distributed.run_channel import RunChannel
from softnce.errors import RunError, SoftnceError
from softnce.training.resource_errors import explained
from softnce.whole_files import write_json, write_text

log = logging.getLogger(__name__)
ERROR_FILE = "error.txt"


class Trial(Trainable):
    """What both executors share: failures a user can act on are results, not crashes."""

    def setup(self, config: dict[str, Any]) -> None:
        """Take the assignment and start."""
        self._assignment: Assignment = config["assignment"]
        self._refusal: Report | None = None
        folder = self._assignment.folder
        try:
            with explained(self._assignment.config, folder):
                folder.mkdir(parents=True, exist_ok=True)
                self._begin()
        except SoftnceError as error:
            self._refusal = failure(error)

    def step(self) -> Report:
        """Return the next epoch's report; a known failure is a report that ends the trial."""
        try:
            report = self._refusal or self._next()
        except SoftnceError as error:
            log.exception("the trial ends")
            report = failure(error)
        except Exception:
            log.exception("the trial dies")
            write_text(self._assignment.folder / ERROR_FILE, traceback.format_exc())
            raise
        if "failure" in report:
            return {**report, "objective": math.nan, "finished": False, "done": True}
        return {**report, "done": report["finished"]}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Point to the trial's folder, which holds the real checkpoints."""
        write_json(Path(checkpoint_dir) / "pointer.json", {"folder": str(self._assignment.folder)})

    def load_checkpoint(self, checkpoint: str | dict[str, Any] | None) -> None:
        """Do nothing: setup has resumed from the trial's folder already."""

    def _begin(self) -> None:
        raise NotImplementedError

    def _next(self) -> Report:
        raise NotImplementedError


@final
class InlineTrial(Trial):
    """Trains inside the trial's own actor."""

    def _begin(self) -> None:
        from softnce.distributed.worker import begin_work
        from softnce.inputs.device import device_of
        from softnce.training.loop import epochs

        config = self._assignment.config
        begin_work(self._assignment)
        self._epochs: Iterator[Report] = epochs(
            config,
            self._assignment.prepared,
            self._assignment.folder,
            device=device_of(config),
        )

    def _next(self) -> Report:
        from softnce.distributed.worker import scored

        return scored(self._assignment, next(self._epochs))

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take another trial's assignment into the same process."""
        self.setup(new_config)
        return True


@final
class TrainTrial(Trial):
    """Owns a Ray Train run."""

    def _begin(self) -> None:
        self._run = Running(self._assignment, RunChannel.remote())

    def _next(self) -> Report:
        report = self._run.next_report()
        if report is None:
            raise RunError("the training workers ended without a report")
        return report

    def cleanup(self) -> None:
        """Stop the run at its next step and wait until its workers are gone."""
        if self._refusal is None:
            self._run.end()
