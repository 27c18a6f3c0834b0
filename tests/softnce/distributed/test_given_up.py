"""Why Ray Train gave a run up, in one line with its cure."""

from pathlib import Path

import pytest
from ray.exceptions import ActorDiedError
from ray.train import ControllerError, WorkerGroupError
from ray.train.v2._internal.exceptions import WorkerHealthCheckFailedError

from softnce.config.file import validated
from softnce.distributed.run import Assignment, given_up

CONFIG = validated({"data": {"path": "pairs"}, "loss": {"name": "infonce"}})
KILLED = WorkerHealthCheckFailedError("A worker health check failed.\n...", ActorDiedError())
RAISED = ValueError("too large\nby far")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            WorkerGroupError("[Rank 0 Error Snippet]:\n...", {0: KILLED, 1: KILLED}),
            "train-t0001: a worker was killed 3 times, perhaps for want of memory; set "
            "optim.max_tokens_per_pass, which keeps the batch whole, or lower optim.batch_size",
        ),
        (
            WorkerGroupError("[Rank 1 Error Snippet]:\n...", {0: KILLED, 1: RAISED}),
            "train-t0001: worker 1: ValueError: too large",
        ),
        (
            ControllerError(RuntimeError("no place\nanywhere")),
            "train-t0001: RuntimeError: no place",
        ),
        (OSError(), "train-t0001: OSError: no message"),
    ],
)
def test_it_is_told_in_one_line(error, said):
    told = str(given_up(Assignment("train-t0001", CONFIG, b"", Path("t0001")), error))
    assert told.startswith(said)
    assert "\n" not in told
