"""One configuration trained: the loop, the outputs and the MLflow run of a trial, without a search.

The folder of a run is that of a study with one trial, ``train``: its model can be evaluated, its
log read, and the same command goes on where it was.
"""

import json
import logging
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from softnce.checkpoints.manifest import complete_checkpoint, verified_progress
from softnce.checkpoints.retention import checkpoints
from softnce.config.config import Config
from softnce.config.file import to_yaml, with_overrides
from softnce.errors import EXIT_OK, DataError, SoftnceError
from softnce.evaluation.metric_names import EPOCH_METRICS, RETRIEVAL_METRICS
from softnce.terminal.console import like, terminal
from softnce.terminal.logging_setup import log_to
from softnce.training.resource_errors import explained
from softnce.whole_files import write_json
from tune_spaces.confirm.ledger import note_training
from tune_spaces.live.notes import tell_stop
from tune_spaces.preparation.held_study import prepared_inputs
from tune_spaces.preparation.study_pairs import mined, read
from tune_spaces.ray_session import nodes, session
from tune_spaces.ray_session.capacity import concurrency
from tune_spaces.signals import Signals
from tune_spaces.sources.run import TrainingSource
from tune_spaces.space.space import search_space
from tune_spaces.study.caches import require_cache
from tune_spaces.study.context import StudyContext
from tune_spaces.study.fingerprint import require_same_if_known, withdrawn_unless_prepared
from tune_spaces.study.folder import StudyFolder, require_own
from tune_spaces.study.lock.lease_owner import ClusterNodes
from tune_spaces.study.lock.study_lock import Lease, held
from tune_spaces.study.optuna_storage import study_id
from tune_spaces.study.retention import apply_retention
from tune_spaces.study.verdicts.verdict import ResultRow, described
from tune_spaces.tracking.tracker import Tracker
from tune_spaces.trial_state import TrialState
from tune_spaces.tune.callbacks import run_name, tracker_of, trial_params

if TYPE_CHECKING:
    from softnce.inputs.prepared import Prepared

log = logging.getLogger(__name__)
KEY = ROLE = "train"
METRICS = "metrics.json"
DEFAULT_ROOT = "softnce-runs"


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """A run as it was when its training returned.

    Attributes:
        folder: of the run; it holds everything, and the same call continues it.
        model: folder of the model, which ``SentenceTransformer(model)`` loads without softnce;
            None before the run is complete.
        config: the resolved configuration.
        metrics: validation metrics of the best epoch by name, with its ``loss`` and ``epoch``.
        test: metrics on the test split, where they were asked for; else empty.
        exit_code: as of the command line: 0 complete; 4 stopped early, to be continued.
    """

    folder: Path
    model: Path | None
    config: Config
    metrics: Mapping[str, float]
    exit_code: int
    test: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _HeldRun:
    """A run in the hands of this process.

    Attributes:
        context: the folder, the console, and the configuration that frozen models follow from.
        config: what is trained.
        prepared: its inputs.
        tracker: tells MLflow.
        lease: shows that no other process trains it.
        wants_test: whether the test split is scored in the end.
        source: what was asked for.
    """

    context: StudyContext
    config: Config
    prepared: "Prepared"
    tracker: Tracker
    lease: Lease
    wants_test: bool
    source: TrainingSource


def train(
    source: TrainingSource,
    *,
    out: Path | None = None,
    wants_test: bool = False,
    console: Console | None = None,
) -> TrainedRun:
    """Train a configuration, or go on with its training.

    Args:
        source: what is trained, and what it is named after.
        out: folder of the run; ``./softnce-runs/<name>`` unless given.
        wants_test: whether to score the test split when all is done.
        console: where to show progress; the terminal unless given.

    Raises:
        ConfigError: a setting is wrong, or the folder holds another run.
        DataError: the data cannot be read or are too few.
        SetupError: MLflow, Ray or a resource is out of reach.
        RunError: the training failed.
    """
    session.quiet_environment()
    config = with_overrides(source.config, {"search/space": {}, "search/points": []})
    root = out or Path(config.resources.storage_path or "") / DEFAULT_ROOT / source.name
    folder = StudyFolder(root.resolve(), source.name)
    with Signals() as signals, explained(config, folder.root):
        shown = like(console or terminal())
        context = StudyContext(config, folder, search_space(config), shown, signals)
        require_own(folder)
        require_cache(folder.cache(config), folder.root)
        nodes.require_kept(folder.root)
        session.require_reachable()
        with session.with_room(config):
            signals.renew()
            return _run(context, source, wants_test=wants_test)


def _run(context: StudyContext, source: TrainingSource, *, wants_test: bool) -> TrainedRun:
    config, folder = context.config, context.folder
    pairs = read(context)  # before anything is written
    if pairs is not None:
        require_same_if_known(folder, config, pairs.digest)
    if wants_test and pairs is not None and not pairs.test.texts:
        raise DataError(f"{config.data.path}: no test queries to score", "leave out --test")
    end = _known_end(folder, config, wants_test=wants_test)
    if end is not None:
        context.console.print("nothing is left to train")
        return end
    study = folder.optuna_study()
    known = ClusterNodes(nodes.own_node(), nodes.is_declared_dead)
    with held(study, nodes=known) as lease:
        log_to(folder.log)
        tracker = tracker_of(context, study_id(study))
        tracker.connect()
        with withdrawn_unless_prepared(folder):
            prepared = prepared_inputs(context, pairs or mined(context))
        tracker.open({"softnce.data": prepared.data, "softnce.config": to_yaml(config)[:4000]})
        of_models = replace(context, config=source.of_models or config)
        run = _HeldRun(of_models, config, prepared, tracker, lease, wants_test, source)
        try:
            return _concluded(run, _trained(run))
        except SoftnceError as error:
            tracker.end(KEY, TrialState.FAILED, error=str(error))
            tracker.close(TrialState.FAILED, str(error))
            raise


def _known_end(folder: StudyFolder, config: Config, *, wants_test: bool) -> TrainedRun | None:
    """Return what a complete run has written, unless something of it is asked for or missing."""
    path = folder.root / METRICS
    if not path.is_file() or not (folder.champion / "modules.json").is_file():
        return None
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        valid, test = dict(stored["valid"]), dict(stored["test"])
    except (ValueError, KeyError, TypeError):
        return None
    if wants_test and not test:
        return None
    return TrainedRun(folder.root, folder.champion, config, valid, EXIT_OK, test)


def _trained(run: _HeldRun) -> int:
    """Train the frozen models that are missing, then the encoder; return the exit code."""
    from softnce.distributed.run import Assignment, supervise
    from softnce.inputs.guided import with_taught_pools
    from tune_spaces.tune.searcher import StopSwitch
    from tune_spaces.tune.train_frozen import frozen_models, with_model

    context, config, prepared = run.context, run.config, run.prepared
    folder = context.folder.trial(KEY)
    if complete_checkpoint(folder) is not None:
        return EXIT_OK
    context.console.print(f"training {described(config)} for {config.optim.epochs} epochs")
    with session.connected(context.folder.log) as capacity:
        concurrency(config, capacity)
        nodes.require_shared(context.folder.root)
        switch = StopSwitch(config.search.time_budget_s)
        with context.signals.handed_to(switch.press), run.lease.handed_to(switch.cut_off):
            for model in frozen_models(context.space):
                prepared = with_model(model, context, prepared, run.tracker, switch.is_pressed)
            prepared = with_taught_pools(config, prepared, context.console.print)
            tags = {"softnce.role": ROLE}
            run.tracker.begin(KEY, run_name(KEY, config), trial_params(config, {}), tags)
            assignment = Assignment(KEY, config, pickle.dumps(prepared), folder)
            if not switch.is_pressed():
                supervise(assignment, tell=_teller(run), should_stop=switch.is_pressed)
        run.lease.require()
        if switch.reason and complete_checkpoint(folder) is None:
            tell_stop(context.console, switch.reason, switch.exit_code)
            return switch.exit_code
    return EXIT_OK


def _teller(run: _HeldRun) -> Callable[[Mapping[str, Any]], None]:
    """Return what shows and logs the report of each epoch, those before a resume included."""
    metric = run.config.search.metric

    def tell(report: Mapping[str, Any]) -> None:
        if report["epoch"] == 1 and "trained_parameters" in report:
            number = report["trained_parameters"]
            run.context.console.print(f"  {number:,.0f} parameters are trained, those of adapters")
        for one in (*report.get("before", ()), report):
            metrics = {name: one[name] for name in EPOCH_METRICS if name in one}
            run.tracker.report(KEY, one["epoch"], metrics)
        run.context.console.print(
            f"  epoch {report['epoch']}/{run.config.optim.epochs}: loss {report['loss']:.4f}, "
            f"{metric} {report[metric]:.4f}"
        )

    return tell


def _concluded(run: _HeldRun, code: int) -> TrainedRun:
    """Export the model, write the metrics, and close the run in MLflow."""
    context, folder = run.context, run.context.folder
    if code != EXIT_OK:
        run.tracker.end(KEY, TrialState.INTERRUPTED)
        run.tracker.close(TrialState.INTERRUPTED, "stopped; the same command continues it")
        return TrainedRun(folder.root, None, run.config, {}, code)
    history = _history(folder.trial(KEY))
    best = history[history[-1]["best_epoch"] - 1]
    metrics = {n: best[n] for n in ("epoch", "loss", *RETRIEVAL_METRICS)}
    metric = run.config.search.metric
    row = ResultRow(
        KEY, run.config, best[metric], TrialState.COMPLETE, ROLE, proposed_by="", note=""
    )
    sentence = (
        f"{described(run.config)}: {metric} {best[metric]:.4f} on "
        f"{run.prepared.looked_at.queries} validation queries, at epoch "
        f"{best['epoch']} of {len(history)}."
    )
    from tune_spaces.search.champion import export_champion

    export_champion(context, run.prepared, row, sentence)
    run.tracker.champion(KEY, folder.champion, to_yaml(run.config))
    test = _tested(run) if run.wants_test else {}
    write_json(folder.root / METRICS, {"valid": metrics, "test": test, "epochs": history})
    apply_retention(context, [row], just_complete=KEY)
    run.tracker.end(KEY, TrialState.COMPLETE)
    run.tracker.close(TrialState.COMPLETE, sentence)
    log.info(sentence)
    context.console.print(f"\n{sentence}", highlight=False, soft_wrap=True)
    return TrainedRun(folder.root, folder.champion, run.config, metrics, code, test)


def _history(folder: Path) -> list[dict[str, Any]]:
    """Return the reports of all epochs of a complete run."""
    progress = verified_progress(checkpoints(folder)[-1]) or {}
    history: list[dict[str, Any]] = progress["history"]
    return history


def _tested(run: _HeldRun) -> dict[str, float]:
    """Score the exported weights on the test split; its study counts that as a reading."""
    from softnce.checkpoints.checkpoint import load_weights
    from softnce.training.scoring import evaluate

    if run.source.study is not None:
        note_training(run.source.study, run.source.name)
    best = complete_checkpoint(run.context.folder.trial(KEY))
    encoder = run.prepared.encoder(run.config.encoder, seed=run.config.optim.seed)
    if best is not None:
        encoder.load_weights(load_weights(best))
    return evaluate(encoder, run.prepared, split="test")
