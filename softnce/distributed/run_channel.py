"""What a Train run and its owner tell each other, by an actor that imports no torch."""

import time
from typing import Any, final

import ray

_LOOK_EVERY_S = 0.02


class _RunChannel:
    """Carries reports from a Train run to its owner, and the owner's wish to stop back."""

    def __init__(self) -> None:
        self._reports: list[dict[str, Any]] = []
        self._heard = 0
        self._stopped = False

    def put(self, report: dict[str, Any]) -> None:
        """Deliver a report."""
        self._reports.append(report)

    def take(self) -> dict[str, Any] | None:
        """Return the oldest report not taken yet."""
        if not self._reports:
            return None
        report = self._reports.pop(0)
        self._heard = report.get("epoch", self._heard)
        return report

    def heard(self) -> int:
        """Return the last epoch whose report was taken."""
        return self._heard

    def stop(self) -> None:
        """Ask the run to end at its next step."""
        self._stopped = True

    def is_stopped(self) -> bool:
        """Tell whether the owner wants the run to end."""
        return self._stopped


RunChannel: Any = ray.remote(num_cpus=0)(_RunChannel)


@final
class StopToken:
    """What a worker knows of its owner: shall it stop, and has it heard."""

    def __init__(self, mailbox: Any) -> None:  # noqa: ANN401  (an actor handle)
        self._mailbox = mailbox
        self._asked = mailbox.is_stopped.remote()
        self._told: int | None = None

    def is_to_stop(self) -> bool:
        """Look at the mailbox without ever waiting for it."""
        ready, _ = ray.wait([self._asked], timeout=0)
        if not ready:
            return False
        if ray.get(ready[0]):
            return True
        self._asked = self._mailbox.is_stopped.remote()
        return False

    def told(self, epoch: int) -> None:
        """Remember that an epoch's report is on its way."""
        self._told = epoch

    def wait_until_heard(self) -> None:
        """Wait until the owner has taken the last report of this worker, or wants no more."""
        while self._told is not None and not self.is_to_stop():
            if ray.get(self._mailbox.heard.remote()) >= self._told:
                return
            time.sleep(_LOOK_EVERY_S)
