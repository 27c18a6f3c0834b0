"""A Ray Train run and its owner: what trials, teachers and single runs have in common.

Nothing here imports torch: an owner starts sooner without it, and only the workers compute.
"""

import pickle
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import ray
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.backend import BackendConfig
from ray.train.v2._internal.exceptions import WorkerHealthCheckFailedError

from softnce.config.config import Config
from softnce.distributed.controller import GlooConfig, ReportRelay, Trainer
from softnce.distributed.placement_groups import (
    NamedPlacementGroups,
    has_its_workers,
    remove_placement_groups,
)
from softnce.distributed.run_channel import RunChannel
from softnce.errors import DataError, RunError, SetupError, SoftnceError
from softnce.training.resource_errors import memory_advice

if TYPE_CHECKING:
    from softnce.inputs.prepared import Prepared

Report = dict[str, Any]
_STOP_GRACE_S = 30.0
_LOOK_EVERY_S = 0.02
_WORKER_FAILURES = 2  # restarts of the worker group inside one run


@dataclass(frozen=True, slots=True)
class Assignment:
    """One run, as it is pickled for another process, where nothing is validated again.

    Attributes:
        name: of the Train run: train-t0007.
        config: of the run.
        inputs: the shared inputs, pickled apart: an owner hands them on and need not import torch.
        folder: where the run's checkpoints and log are.
        frozen: teacher or simcse, whose vectors of the training set are cached in the end; empty
            for a trial.
        splits: whose queries are scored once the run is complete, as a confirmation needs.
    """

    name: str
    config: Config
    inputs: bytes
    folder: Path
    frozen: str = ""
    splits: tuple[str, ...] = ()

    @property
    def prepared(self) -> "Prepared":
        """The shared inputs."""
        opened: Prepared = pickle.loads(self.inputs)  # noqa: S301  (from the search itself)
        return opened


def fit(assignment: Assignment, run_channel: Any) -> None:  # noqa: ANN401  (an actor handle)
    """Run Ray Train to the end of an assignment, its reports going to the run's channel.

    Raises:
        ray.train.TrainingFailedError: the workers failed more often than is tolerated.
    """
    resources = assignment.config.resources
    gpus = resources.gpus_per_worker
    per_worker = {"CPU": resources.cpus_per_worker} | ({"GPU": gpus} if gpus else {})
    trainer = Trainer(
        _train_in_worker,
        train_loop_config={"assignment": assignment, "run_channel": run_channel},
        backend_config=_backend(gpus),
        scaling_config=ScalingConfig(
            num_workers=resources.workers, use_gpu=gpus > 0, resources_per_worker=per_worker
        ),
        run_config=RunConfig(
            name=assignment.name,
            storage_path=str(assignment.folder / "train"),
            failure_config=FailureConfig(max_failures=_WORKER_FAILURES, controller_failure_limit=3),
            callbacks=[
                ReportRelay(run_channel),
                NamedPlacementGroups(assignment.folder, run_channel),
            ],
        ),
    )
    trainer.fit()


def _train_in_worker(settings: dict[str, Any]) -> None:
    """Be one worker of the run; only here is torch imported."""
    from softnce.distributed.worker import train

    train(settings["assignment"], settings["run_channel"])


def _backend(gpus: float) -> BackendConfig:
    """Join the workers over gloo, or over nccl with the set-up of devices that Ray has."""
    if not gpus:
        return GlooConfig()
    from ray.train.torch import TorchConfig

    return TorchConfig(backend="nccl")


@final
class Running:
    """A Train run in a thread of its owner's process.

    Ray Train's own ``fit`` blocks, and a driver that Tune kills leaves its workers behind; here
    the owner takes the reports one by one and ends the run before it goes.
    """

    def __init__(self, assignment: Assignment, run_channel: Any) -> None:  # noqa: ANN401
        self._assignment, self._run_channel = assignment, run_channel
        self._error: BaseException | None = None
        remove_placement_groups(assignment.folder)  # of an owner that was killed
        self._thread = threading.Thread(target=self._fit, daemon=True, name=assignment.name)
        self._thread.start()

    def next_report(self, should_stop: Callable[[], bool] = lambda: False) -> Report | None:
        """Wait for the next report; None when the run has ended.

        Args:
            should_stop: looked at while waiting; the run then ends at its next step.

        Raises:
            RunError: the workers died more often than is tolerated.
        """
        while True:
            is_over = not self._thread.is_alive()  # before the look, so that no report is missed
            if should_stop():  # also where a report is always there already
                self.request_stop()
            report: Report | None = ray.get(self._run_channel.take.remote())
            if report is not None:
                return report
            if is_over:
                break
            time.sleep(_LOOK_EVERY_S)
        if self._error is not None:
            raise given_up(self._assignment, self._error) from self._error
        return None

    def request_stop(self) -> None:
        """Let all workers end at their next step."""
        ray.get(self._run_channel.stop.remote())

    def end(self) -> None:
        """Stop the run at its next step, and wait until its workers and their group are gone.

        A run that still waits for its workers, or whose workers do not answer, is cut off.
        """
        self.request_stop()
        folder = self._assignment.folder
        if has_its_workers(folder):
            self._thread.join(_STOP_GRACE_S)
        while self._thread.is_alive() and remove_placement_groups(folder):
            self._thread.join(_STOP_GRACE_S)
        remove_placement_groups(folder)

    def _fit(self) -> None:
        try:
            fit(self._assignment, self._run_channel)
        except BaseException as error:  # noqa: BLE001  (raised in the owner's thread)
            self._error = error


def given_up(assignment: Assignment, error: BaseException) -> RunError:
    """Return in one line why Ray Train gave a run up; its own text has many, for the log.

    Args:
        assignment: of the run.
        error: what Ray Train raised.
    """
    failures: dict[int, Exception] = getattr(error, "worker_failures", {})
    raised = {
        f"worker {rank}: ": one
        for rank, one in sorted(failures.items())
        if not isinstance(one, WorkerHealthCheckFailedError)
    }
    if failures and not raised:
        return RunError(
            f"{assignment.name}: a worker was killed {_WORKER_FAILURES + 1} times, perhaps for "
            "want of memory",
            memory_advice(assignment.config),
        )
    where, cause = next(iter(raised.items()), ("", getattr(error, "controller_failure", error)))
    said = (str(cause).strip() or "no message").splitlines()[0]
    return RunError(f"{assignment.name}: {where}{type(cause).__name__}: {said}")


def supervise(
    assignment: Assignment, *, tell: Callable[[Report], None], should_stop: Callable[[], bool]
) -> None:
    """Run an assignment to its end from a process of its own, telling each report.

    Raises:
        RunError: a known failure, or the workers died.
    """
    run = Running(assignment, RunChannel.remote())
    while (report := run.next_report(should_stop)) is not None:
        if "failure" in report:
            run.end()
            error = SetupError if report["halts"] else RunError
            raise error(report["found"], report["cure"]).within(assignment.name)
        tell(report)


def failure(error: SoftnceError) -> Report:
    """Return the report of a known failure.

    ``halts`` tells that it is not the trial's own: every other trial would meet it too.
    """
    halts = isinstance(error, SetupError | DataError)
    return {
        "failure": str(error),
        "found": str(type(error)(error.found, None, error.setting)),
        "cure": error.cure,
        "halts": halts,
        "exit_code": error.exit_code,
    }
