"""The channel between a Train run and its owner: an actor, which imports no torch."""

import time
from typing import Any, final

import ray

_LOOK_EVERY_S = 0.02


class _RunChannel:
    """Carries reports from a Train run to its owner, and the request to stop back."""

    def __init__(self) -> None:
        self._reports: list[dict[str, Any]] = []
        self._last_taken = 0
        self._stopped = False

    def put(self, report: dict[str, Any]) -> None:
        """Deliver a report."""
        self._reports.append(report)

    def take(self) -> dict[str, Any] | None:
        """Return the oldest report not taken yet."""
        if not self._reports:
            return None
        report = self._reports.pop(0)
        self._last_taken = report.get("epoch", self._last_taken)
        return report

    def last_taken(self) -> int:
        """Return the last epoch whose report was taken."""
        return self._last_taken

    def stop(self) -> None:
        """Ask the run to end at its next step."""
        self._stopped = True

    def is_stopped(self) -> bool:
        """Tell whether the owner wants the run to end."""
        return self._stopped


RunChannel: Any = ray.remote(num_cpus=0)(_RunChannel)


@final
class StopToken:
    """What a worker knows of its owner: whether it is to stop, and which report was taken."""

    def __init__(self, run_channel: Any) -> None:  # noqa: ANN401  (an actor handle)
        self._run_channel = run_channel
        self._pending = run_channel.is_stopped.remote()
        self._sent: int | None = None

    def is_to_stop(self) -> bool:
        """Look at the channel without ever waiting for it."""
        ready, _ = ray.wait([self._pending], timeout=0)
        if not ready:
            return False
        if ray.get(ready[0]):
            return True
        self._pending = self._run_channel.is_stopped.remote()
        return False

    def sent(self, epoch: int) -> None:
        """Remember that an epoch's report is on its way."""
        self._sent = epoch

    def wait_until_taken(self) -> None:
        """Wait until the owner has taken the last report of this worker, or wants no more."""
        while self._sent is not None and not self.is_to_stop():
            if ray.get(self._run_channel.last_taken.remote()) >= self._sent:
                return
            time.sleep(_LOOK_EVERY_S)
