"""The epoch loop: the same for a trial, a teacher and a single run, in any process.

``epochs`` yields one report an epoch, after its checkpoint is on disk, so that whoever drives it
can stop between two reports and lose nothing. Started again on the same folder it goes on where it
was.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch

from softnce.checkpoints.checkpoint import (
    Checkpoint,
    newest_checkpoint,
    optimizer_tensors,
    random_states,
    restore_optimizer,
    restore_random,
    save_checkpoint,
)
from softnce.config.config import Config
from softnce.encoders.encoder import Encoder
from softnce.errors import DataError
from softnce.evaluation.metric_names import COST_METRICS, EPOCH_METRICS, RETRIEVAL_METRICS
from softnce.inputs.prepared import Prepared
from softnce.ragged import ragged
from softnce.step_progress import StepProgress, StepsDone
from softnce.training.costs import Usage, costs, trained_parameters
from softnce.training.epoch_means import EpochMeans
from softnce.training.gather import Workers
from softnce.training.loader import Loader
from softnce.training.numerics import attempted, settle
from softnce.training.objectives import Outcome
from softnce.training.optimizer import adamw, rate_share, warmup_steps
from softnce.training.resource_errors import explained
from softnce.training.scoring import validate
from softnce.training.standing import Report, is_evaluated, standing
from softnce.training.step import Batch, Objective, Texts, differentiated

log = logging.getLogger(__name__)
_STEPS_A_LOOK = 10  # steps between two looks at the stop flag


@dataclass
class Run:
    """One training run between two epochs.

    Attributes:
        config: its resolved configuration.
        prepared: its shared inputs.
        folder: where its checkpoints are.
        workers: this process's place among its workers.
        encoder: what is trained.
        optimizer: AdamW.
        history: the report of each epoch so far.
    """

    config: Config
    prepared: Prepared
    folder: Path
    workers: Workers
    encoder: Encoder
    optimizer: torch.optim.Optimizer
    history: list[Report] = field(default_factory=list)

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.history)

    def is_over(self) -> bool:
        """Tell whether all epochs are done, or patience has ended the run before."""
        is_cut = bool(self.config.optim.patience and self.history and self.history[-1]["finished"])
        return is_cut or self.epoch >= self.config.optim.epochs


def epochs(
    config: Config,
    prepared: Prepared,
    folder: Path,
    *,
    workers: Workers = Workers(),  # noqa: B008  (frozen)
    device: torch.device | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Report]:
    """Train and yield one report an epoch; resume from the folder's newest checkpoint.

    A report holds ``epoch``, the validation metrics, ``objective`` (best ``search.metric`` so far),
    ``best_epoch``, ``loss``, ``weight_spread`` (0: InfoNCE; absent for a loss without weights),
    ``relief`` (above 0: the most relevant negatives are relieved, below 0: hardened), ``trusted``
    (share of the pairs that count; absent where all do), ``seconds``, ``step_seconds`` (of a
    training step, in the fastest epoch so far), ``usage`` (steps a second and what the machine was
    used for, by MLflow's names), ``trained_parameters`` (their number, where they are those of
    adapters) and ``finished``. Without validation queries the objective is minus the loss, and the
    last epoch is the best. The first report after a resume also holds ``before``, the reports of
    the epochs that were done already, some of which may not have reached anyone. A run that was
    complete already reports its last epoch again.

    Args:
        config: resolved.
        prepared: inputs from ``prepare``.
        folder: of this run's checkpoints.
        workers: this process's place.
        device: where to train; the CPU unless given.
        should_stop: looked at by worker 0 between steps; all workers then end at the same step,
            without a report of the epoch in flight.

    Raises:
        RunError: the loss is no longer finite, no pair is trusted, or memory ran out.
        SetupError: the disk is full.
    """
    with explained(config, folder):
        torch.manual_seed(config.optim.seed)
        place = device or torch.device("cpu")
        settle(place, deterministic=config.optim.deterministic)
        run = _started(config, prepared, folder, workers, place)
        yield from _epochs(run, should_stop)


def _epochs(run: Run, should_stop: Callable[[], bool]) -> Iterator[Report]:
    before = list(run.history)
    if run.is_over():
        yield {**run.history[-1], "before": before[:-1]}
        return
    batches = loader_of(run)
    while not run.is_over():
        began = time.perf_counter()
        usage = Usage(run.encoder.device)
        _draw_anew(run)
        report = _one_epoch(run, batches, should_stop)
        if report is None:
            return
        report["step_seconds"] = _least_step(run, report, time.perf_counter() - began)
        report["usage"] = usage.told(report["steps"])
        report.update(_evaluation(run))
        report |= _costs(run) | trained_parameters(run.encoder)
        report["seconds"] = time.perf_counter() - began
        report |= standing(run.config, report, run.history, has_queries=bool(run.prepared.valid))
        run.history.append(report)
        if run.workers.rank == 0:
            save_checkpoint(run.folder, _snapshot(run))
        _log_epoch(report)
        yield {**report, "before": before} if before else report
        before = []
    StepProgress(run.folder, is_told=run.workers.rank == 0).end()


def _least_step(run: Run, report: Report, seconds: float) -> float:
    """Return the mean seconds of an epoch's steps, or those of an epoch before that took less."""
    known = [one["step_seconds"] for one in run.history if "step_seconds" in one]
    return float(min([seconds / max(report["steps"], 1), *known]))


def _draw_anew(run: Run) -> None:
    """Seed dropout by (seed, epoch, worker), so that each worker resumes just as it would go on."""
    if run.workers.world > 1:  # alone, the checkpoint's own random states say where it was
        torch.manual_seed(run.config.optim.seed + 1_000_003 * run.epoch + 7919 * run.workers.rank)


def _started(
    config: Config, prepared: Prepared, folder: Path, workers: Workers, device: torch.device
) -> Run:
    encoder = prepared.encoder(config.encoder, seed=config.optim.seed)
    if config.optim.init_from_teacher:
        _start_at_the_teacher(encoder, prepared)
    encoder.max_tokens_per_pass = config.optim.max_tokens_per_pass
    encoder.model.to(device)
    encoder.model.train()
    if config.optim.gradient_checkpointing:
        encoder.checkpoint_layers()
    if config.optim.compile:
        encoder.compile_layers()
    if config.optim.cuda_graphs == "auto":
        encoder.record_passes()
    optimizer = adamw(encoder.model, config.optim)
    run = Run(config, prepared, folder, workers, encoder, optimizer)
    stored = newest_checkpoint(folder)
    if stored is not None:
        encoder.load_weights(stored.model)
        restore_optimizer(optimizer, stored.optimizer)
        restore_random(stored.random)
        run.history = list(stored.progress["history"])
    trained = sum(one.numel() for one in encoder.trained)
    log.info("training %s parameters, the encoder has %s", f"{trained:,}", f"{encoder.size:,}")
    log.info("%s at epoch %d", "resumed" if run.history else "started", run.epoch + 1)
    return run


def _log_epoch(report: Report) -> None:
    names = sorted(EPOCH_METRICS, key=lambda name: name != "loss")  # the loss first, as ever
    values = [f"{name} {report[name]:.4g}" for name in names if name in report]
    log.info("epoch %d: %s", report["epoch"], ", ".join(values))


def _start_at_the_teacher(encoder: Encoder, prepared: Prepared) -> None:
    try:
        encoder.load_weights(prepared.frozen_weights("teacher"))
    except RuntimeError as error:
        raise DataError(
            "optim.init_from_teacher: the teacher's weights are those of another encoder",
            f"give both the same encoder section, or empty the cache {prepared.cache}",
        ) from error


def _snapshot(run: Run) -> Checkpoint:
    last = run.history[-1]
    progress = {"epoch": run.epoch, "best_epoch": last["best_epoch"], "history": run.history}
    return Checkpoint(
        progress=progress,
        model=run.encoder.trained_weights(),
        optimizer=optimizer_tensors(run.optimizer),
        random=random_states(),
    )


def _one_epoch(run: Run, batches: Loader, should_stop: Callable[[], bool]) -> Report | None:
    objective, texts = _objective(run), texts_of(run.prepared)
    steps = batches.drawn(run.epoch + 1)
    done = run.epoch * len(steps)
    means = EpochMeans(run.config, run.workers, epoch=run.epoch + 1, steps=len(steps))
    progress = StepProgress(run.folder, is_told=run.workers.rank == 0)
    for number, batch in enumerate(batches.prefetched(steps, epoch=run.epoch + 1), start=1):
        if number % _STEPS_A_LOOK == 0 and run.workers.agree([float(should_stop())])[0]:
            return None
        _set_rate(run, done + number - 1, run.config.optim.epochs * len(steps))
        means.add(attempted(partial(_step, run, objective, texts, batch)))
        progress.tell(StepsDone(run.epoch + 1, number, len(steps)))
    return means.report()


def _step(run: Run, objective: Objective, texts: Texts, batch: Batch) -> Outcome:
    precision = run.config.optim.precision
    outcome = differentiated(run.encoder, objective, texts, batch, precision=precision)
    _descend(run)
    return outcome


def texts_of(prepared: Prepared) -> Texts:
    """Memory-map the token ids of the training set."""
    names = ("queries", "codes", "negatives") if prepared.negatives else ("queries", "codes")
    tables = {name: prepared.table(f"train_{name}") for name in names}
    return Texts(**({"negatives": ragged([])} | tables))


def loader_of(run: Run) -> Loader:
    """Return what draws the run's batches."""
    return Loader(run.config, run.prepared, _objective(run), run.encoder.device)


def _objective(run: Run) -> Objective:
    config = run.config
    return Objective(config.encoder.similarity, config.loss, config.weights, run.workers)


def _descend(run: Run) -> None:
    parameters = run.encoder.trained
    run.workers.average_gradients(parameters)
    torch.nn.utils.clip_grad_norm_(parameters, run.config.optim.max_grad_norm)
    run.optimizer.step()


def _set_rate(run: Run, step: int, steps: int) -> None:
    """Give a step, counted from 0 over all epochs, its learning rate."""
    optim = run.config.optim
    share = rate_share(step, steps=steps, warmup=warmup_steps(steps, optim.warmup_share))
    for group in run.optimizer.param_groups:
        group["lr"] = optim.learning_rate * share


def _costs(run: Run) -> Report:
    """Measure on worker 0 what the encoder costs; of all times so far the least counts."""
    prepared, before = run.prepared, run.history[-1] if run.history else {}
    if run.workers.rank != 0 or not prepared.valid:
        return {}
    if not is_evaluated(run.config.optim, run.epoch + 1):
        return {name: before[name] for name in COST_METRICS if name in before}
    is_last = run.epoch + 1 == run.config.optim.epochs
    found = costs(run.encoder, prepared, run.config.search, is_last=is_last)
    return {name: min(value, before.get(name, value)) for name, value in found.items()}


def _evaluation(run: Run) -> Report:
    """Rank the validation queries on worker 0, for all workers, in the epochs that are due."""
    if not run.prepared.valid or not is_evaluated(run.config.optim, run.epoch + 1):
        return {}
    values = [math.nan] * len(RETRIEVAL_METRICS)
    if run.workers.rank == 0:
        metrics = validate(run.encoder, run.prepared)
        values = [metrics[name] for name in RETRIEVAL_METRICS]
    return dict(zip(RETRIEVAL_METRICS, run.workers.agree(values), strict=True))
