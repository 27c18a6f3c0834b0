"""One worker of a Ray Train run: the epoch loop, its reports, and the owner's request to stop."""

import logging
from typing import Any

import ray
import ray.train
import torch

from softnce.checkpoints.manifest import complete_checkpoint
from softnce.config.config import Config
from softnce.distributed.run import Assignment, Report, failure
from softnce.distributed.run_channel import StopToken
from softnce.errors import SoftnceError
from softnce.inputs.device import device_of
from softnce.inputs.frozen_vectors import cache_vectors
from softnce.terminal.logging_setup import TRIAL_LOG, log_to
from softnce.training.gather import Workers
from softnce.training.loop import epochs

log = logging.getLogger(__name__)


def train(assignment: Assignment, run_channel: Any) -> None:  # noqa: ANN401  (an actor handle)
    """Be one worker of the run."""
    context = ray.train.get_context()
    workers = Workers(context.get_world_rank(), context.get_world_size())
    begin_work(assignment, workers.rank)
    try:
        _work(assignment, workers, StopToken(run_channel))
    except SoftnceError as error:  # a restart would only meet it again
        log.exception("the run ends")
        ray.get(run_channel.put.remote(failure(error)))
        ray.get(run_channel.stop.remote())
        if workers.world > 1:
            raise  # the others may be waiting for this one inside a step


def _work(assignment: Assignment, workers: Workers, stop_token: StopToken) -> None:
    """Train; every worker leaves at the same place, where worker 0 has seen the stop token.

    A frozen model that is trained already, and whose vectors are gone, is not trained again.
    """
    is_trained = bool(assignment.frozen) and complete_checkpoint(assignment.folder) is not None
    now = workers.agree([float(stop_token.is_to_stop()), float(is_trained)])
    if now[0] or not (now[1] or _is_trained_to_the_end(assignment, workers, stop_token)):
        return
    if assignment.frozen and workers.rank == 0:
        cache_vectors(assignment.frozen, assignment.config, assignment.prepared, assignment.folder)


def _is_trained_to_the_end(assignment: Assignment, workers: Workers, stop_token: StopToken) -> bool:
    """Train and report, and tell whether nothing stopped it.

    Training runs on while a report travels, but never more than an epoch ahead of its owner.
    """
    for report in epochs(
        assignment.config,
        assignment.prepared,
        assignment.folder,
        workers=workers,
        device=device_of(assignment.config),
        should_stop=stop_token.is_to_stop,
    ):
        told = scored(assignment, report) if workers.rank == 0 else report
        if workers.rank == 0:
            stop_token.wait_until_taken()
        ray.train.report(told)
        stop_token.sent(report["epoch"])
        if workers.agree([float(stop_token.is_to_stop())])[0]:
            return False
    return True


def scored(assignment: Assignment, report: Report) -> Report:
    """Score the queries that an assignment asks for, once its run is complete, and add the means.

    Args:
        assignment: of the run.
        report: of its last epoch so far.
    """
    if not (report["finished"] and assignment.splits):
        return report
    from softnce.training.query_scores import leave_query_scores

    config = assignment.config
    means = leave_query_scores(
        config,
        assignment.prepared,
        assignment.folder,
        assignment.splits,
        device=device_of(config),
    )
    return {**report, **means}


def begin_work(assignment: Assignment, rank: int = 0) -> None:
    """Set a process up for a run: its log and its cores."""
    folder = assignment.folder
    log_to(folder / (TRIAL_LOG if rank == 0 else f"trial-worker{rank}.log"))
    use_threads(assignment.config)


def use_threads(config: Config) -> None:
    """Give torch the cores of one worker, so that every executor computes alike."""
    torch.set_num_threads(max(1, int(config.resources.cpus_per_worker)))
