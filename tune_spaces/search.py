"""One study from its configuration to its champion: prepare once, run trials, tell the truth.

Called again on the same folder it continues: nothing that has ended is trained again.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from softnce.cli import phase_progress
from softnce.config.config import Config
from softnce.config.file import to_yaml
from softnce.console import terminal
from softnce.data.mining.mine import mine
from softnce.data.mining.sources import named_paths
from softnce.data.pairs import PairSet, read_pairs
from softnce.errors import EXIT_OK, EXIT_STOPPED, RunError
from softnce.export import export, torn_exports
from softnce.inputs.prepare import Prepared, prepare
from softnce.training.checkpoint import best_checkpoint, load_weights
from softnce.training.logging_setup import log_to
from softnce.training.resource_errors import explained
from softnce.whole_files import write_text
from tune_spaces.display import Display, headline, results_table
from tune_spaces.ray_session import session
from tune_spaces.ray_session.nodes import require_kept, require_shared
from tune_spaces.signals import Signals
from tune_spaces.space.first_points import first_points
from tune_spaces.space.space import both_alpha_and_beta_are_free, search_space
from tune_spaces.study.caches import open_cache, require_cache
from tune_spaces.study.context import StudyContext
from tune_spaces.study.fingerprint import require_same, require_same_weights, store_size
from tune_spaces.study.folder import StudyFolder, require_own, study_folder
from tune_spaces.study.retention import tidy
from tune_spaces.study.study_lock import Lease, held
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.study.verdict import Row, all_failed, champion, described, rows, verdict
from tune_spaces.tracking.tracking import Tracker
from tune_spaces.tune.callbacks import MLflowWatcher, Tidier, tracker_of
from tune_spaces.tune.train_frozen import frozen_models, with_model


@dataclass(frozen=True)
class SearchResult:
    """A study after its search.

    Attributes:
        folder: where everything of it lies.
        table: one row per trial.
        champion: the best complete trial, if any.
        verdict: whether it beats InfoNCE, in a sentence.
        exit_code: 0 complete, 1 complete but every trial failed, 4 stopped early and resumable.
    """

    folder: StudyFolder
    table: Sequence[Row]
    champion: Row | None
    verdict: str
    exit_code: int


def search(
    config: Config,
    *,
    source: str = "study",
    out: Path | None = None,
    console: Console | None = None,
) -> SearchResult:
    """Run or continue a study.

    Args:
        config: with a ``search`` section.
        source: names the study where ``search.name`` does not.
        out: the study's folder; ``./softnce-studies/<name>`` unless given.
        console: where to show progress; the terminal unless given.

    Raises:
        ConfigError: the space or a setting is wrong, or the folder holds another study.
        DataError: the data cannot be read or are too few.
        SetupError: MLflow, Ray or a resource is out of reach.
    """
    session.quiet_environment()
    folder, space = study_folder(config, source, out), search_space(config)
    with Signals() as signals, explained(config, folder.root):
        return _study(StudyContext(config, folder, space, console or terminal(), signals))


def _study(job: StudyContext) -> SearchResult:
    """Check what must be so before data are read, and go on."""
    require_own(job.folder)
    require_cache(job.folder.cache(job.config), job.folder.root)
    require_kept(job.folder.root)
    session.require_reachable()
    with session.with_room(job.config):
        job.signals.renew()
        return _with_room(job)


def _with_room(job: StudyContext) -> SearchResult:
    """Read, prepare, run and conclude."""
    config, console = job.config, job.console
    if both_alpha_and_beta_are_free(job.space):
        console.print("note: only the ratio of weights/alpha and weights/beta matters; tie one")
    pairs = None if config.data.path is None else _read(job)  # before anything is written
    log_to(job.folder.log)
    tracker = tracker_of(job)
    tracker.connect()
    if pairs is None:
        pairs = _mined(job)
    require_same(job.folder, config, pairs.digest)
    study = job.folder.optuna_study()
    with held(study) as hold:  # already while the cache is filled, which nobody may clean then
        prepared = _prepared(job, pairs)
        return _searched(job, prepared, (TrialStore(study, job.space), tracker), hold)


def _prepared(job: StudyContext, pairs: PairSet) -> Prepared:
    """Fill the cache, and check that the study still starts at the same weights."""
    config, cache = job.config, job.folder.cache(job.config)
    open_cache(cache, job.folder.root)
    prepared = prepare(config, pairs, cache, tell=job.console.print, models=job.space.models())
    require_same_weights(job.folder, prepared.weights)
    store_size(job.folder.root, valid=prepared.valid)
    return prepared


def _searched(
    job: StudyContext, prepared: Prepared, books: tuple[TrialStore, Tracker], hold: Lease
) -> SearchResult:
    """Run what is left of a study that this process holds, and conclude."""
    settings, (ledger, tracker) = job.config.search, books
    ledger.enqueue_once(first_points(job.space, settings.always_try, settings.noise_seed))
    tracker.open(
        {
            "softnce.data": prepared.data,
            "softnce.config": to_yaml(job.config)[:4000],
            "softnce.ray_job": session.submission_id() or "",
        }
    )
    code = EXIT_OK
    if ledger.ended() < settings.trials:
        code = _run(job, prepared, books, hold)
    hold.require()
    return _concluded(job, prepared, books, code)


def _read(job: StudyContext) -> PairSet:
    data = job.config.data
    job.console.print(f"reading {data.path}", soft_wrap=True)
    return read_pairs(
        Path(str(data.path)).expanduser(),
        columns={str(name): column for name, column in (data.columns or {}).items()} or None,
        language=data.language,
        max_bad_share=data.max_bad_share,
        negatives=data.negatives,
        seed=data.seed,
    )


def _mined(job: StudyContext) -> PairSet:
    """Mine the study's own pairs, once: later they are read, whatever was installed since."""
    data = job.config.data
    if not (job.folder.mined / "mining.json").exists():
        with phase_progress(job.console) as progress:
            report = mine(
                named_paths(data.mine),
                job.folder.mined,
                language=data.language or "python",
                max_pairs=data.max_pairs,
                seed=data.seed,
                progress=progress,
            )
        job.console.print(
            f"mined {sum(report.pairs.values()):,} pairs from {report.files:,} files "
            f"in {report.seconds:.0f} s"
        )
    return read_pairs(job.folder.mined)


def _run(
    job: StudyContext, prepared: Prepared, books: tuple[TrialStore, Tracker], hold: Lease
) -> int:
    """Train trials until enough have ended or the search is stopped."""
    config, console, (ledger, tracker) = job.config, job.console, books
    console.print(headline(config, job.folder.name), soft_wrap=True)
    with session.connected(job.folder.log) as capacity:
        at_once = session.concurrency(config, capacity)
        require_shared(job.folder.root)
        from tune_spaces.tune.run import Desk, tune_study
        from tune_spaces.tune.searcher import StopSwitch

        switch = StopSwitch(config.search.time_budget_s)
        display = Display(
            console,
            trials=config.search.trials,
            done=ledger.ended(),
            epochs=config.optim.epochs,
            best=_best_so_far(job, ledger),
        )
        watchers = [MLflowWatcher(tracker), Tidier(job, ledger), display]
        with job.signals.handed_to(switch.press), hold.handed_to(switch.cut_off):
            for model in frozen_models(job.space):
                prepared = with_model(model, job, prepared, tracker, switch.is_pressed)
            with display:
                tune_study(job, prepared, Desk(ledger, switch, watchers), at_once=at_once)
        hold.require()
        if switch.reason:
            _tell_stop(console, switch.reason, switch.exit_code)
            return switch.exit_code
        return EXIT_OK


def _tell_stop(console: Console, reason: str, code: int) -> None:
    if code == EXIT_STOPPED:
        console.print(f"{reason}; the same command continues the study", style="yellow")
    else:
        console.print(f"stopped: {reason}", style="red", soft_wrap=True)


def _best_so_far(job: StudyContext, ledger: TrialStore) -> float:
    best = champion(rows(ledger.trials(), job.space))
    return 0.0 if best is None or best.value is None else best.value


def _concluded(
    job: StudyContext, prepared: Prepared, books: tuple[TrialStore, Tracker], code: int
) -> SearchResult:
    """Export the champion, close the log, and show the table."""
    ledger, tracker = books
    table = rows(ledger.trials(), job.space)
    best = champion(table)
    metric = job.config.search.metric
    sentence = verdict(table, metric, prepared.valid)
    if code != EXIT_OK:
        sentence = f"So far: {sentence}"
    tidy(job, table)
    if best is not None:
        _export_champion(job, prepared, best, sentence)
        tracker.champion(best.key, job.folder.champion, to_yaml(best.config))
    left = tracker.close("complete" if code == EXIT_OK else "interrupted", sentence)
    if code == EXIT_OK and all_failed(table):
        code = RunError.exit_code
    study = SearchResult(job.folder, table, best, sentence, code)
    tell_result(job.console, study, metric)
    if left:
        job.console.print(
            f"{left} events wait in {job.folder.root / 'tracking.jsonl'} until MLflow "
            "is back; the same command sends them, or softnce report --push",
            style="yellow",
        )
    return study


def tell_result(console: Console, study: SearchResult, metric: str) -> None:
    """Show the table and the verdict."""
    console.print()
    console.print(results_table(study.table, study.champion, metric))
    console.print(f"\n{study.verdict}", highlight=False, soft_wrap=True)


def _export_champion(job: StudyContext, prepared: Prepared, best: Row, sentence: str) -> None:
    """Write the champion's best weights as a model folder, unless it lies there already."""
    folder = job.folder.champion
    marker = job.folder.root / "champion.txt"
    if (folder / "config.yaml").exists() and marker.exists() and marker.read_text() == best.key:
        return
    checkpoint = best_checkpoint(job.folder.trial(best.key))
    if checkpoint is None:
        trial = job.folder.trial(best.key)
        raise RunError(f"{trial}: the champion's checkpoint is missing or damaged")
    encoder = prepared.encoder(best.config.encoder, seed=best.config.optim.seed)
    encoder.model.load_state_dict(load_weights(checkpoint))
    metric = job.config.search.metric
    card = {
        "study": job.folder.name,
        "trial": best.key,
        metric: f"{best.value:.4f} on {prepared.valid} validation queries",
        "loss": described(best.config),
        "verdict": sentence,
    }
    export(encoder, folder, card, {"config.yaml": to_yaml(best.config)})
    write_text(marker, best.key)
    for torn in torn_exports(folder):
        shutil.rmtree(torn, ignore_errors=True)
