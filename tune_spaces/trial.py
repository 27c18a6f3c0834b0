"""One trial as a Ray Tune Trainable: a step is an epoch, wherever the epoch is trained.

``InlineTrial`` trains in its own actor. ``TrainTrial`` owns a Ray Train run: it starts the run in a
thread, relays the reports, and stops the run before it goes, so that no worker outlives its trial.
What the trial needs to go on after a crash lies in its folder, not in Tune's checkpoints.
"""

import json
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, final

from ray.tune import Trainable

from softnce.errors import RunError, SoftnceError
from softnce.training.loop import Report, device_of, epochs
from softnce.training.prepare import prepared_from
from softnce.training.worker import Assignment, Mailbox, Running, use_threads

ERROR_FILE = "error.txt"
_STOP_GRACE_S = 30.0


class Trial(Trainable):
    """What both executors share: failures a user can act on are results, not crashes."""

    def setup(self, config: dict[str, Any]) -> None:
        """Take the assignment and start."""
        self._assignment = Assignment(**config["assignment"])
        Path(self._assignment.folder).mkdir(parents=True, exist_ok=True)
        self._begin()

    def step(self) -> Report:
        """Return the next epoch's report; a known failure is a report that ends the trial."""
        try:
            report = self._next()
        except SoftnceError as error:
            return _failed(str(error))
        except Exception:
            (Path(self._assignment.folder) / ERROR_FILE).write_text(traceback.format_exc())
            raise
        if "failure" in report:
            return _failed(report["failure"])
        return {**report, "done": report["finished"]}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Point to the trial's folder, which holds the real checkpoints."""
        text = json.dumps({"folder": self._assignment.folder})
        (Path(checkpoint_dir) / "pointer.json").write_text(text)

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
        config = self._assignment.resolved
        use_threads(config)
        self._epochs: Iterator[Report] = epochs(
            config,
            prepared_from(self._assignment.prepared),
            Path(self._assignment.folder),
            device=device_of(config),
        )

    def _next(self) -> Report:
        return next(self._epochs)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take another trial's assignment into the same process."""
        self._assignment = Assignment(**new_config["assignment"])
        Path(self._assignment.folder).mkdir(parents=True, exist_ok=True)
        self._begin()
        return True


@final
class TrainTrial(Trial):
    """Owns a Ray Train run."""

    def _begin(self) -> None:
        self._run = Running(self._assignment, Mailbox.remote())

    def _next(self) -> Report:
        report = self._run.next_report()
        if report is None:
            raise RunError("the training workers ended without a report")
        return report

    def cleanup(self) -> None:
        """Stop the run at its next step and wait until its workers are gone."""
        self._run.ask_to_stop()
        self._run.join(_STOP_GRACE_S)


def _failed(reason: str) -> Report:
    return {"failure": reason, "objective": float("nan"), "finished": False, "done": True}
