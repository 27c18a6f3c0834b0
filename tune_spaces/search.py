"""One study from its configuration to its champion: prepare once, run trials, write the verdict.

Called again on the same folder it continues: nothing that has ended is trained again.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from softnce.config.config import Config
from softnce.config.file import to_yaml
from softnce.data.pairs import PairSet
from softnce.errors import EXIT_OK, RunError
from softnce.terminal.console import like, terminal
from softnce.terminal.logging_setup import log_to
from softnce.training.resource_errors import explained
from tune_spaces.finished import known_end
from tune_spaces.ray_session import nodes, session
from tune_spaces.ray_session.capacity import concurrency
from tune_spaces.report.display import Display, headline, results_table
from tune_spaces.report.notes import (
    tell_if_more_have_ended,
    tell_if_there_is_nothing_to_search,
    tell_stop,
)
from tune_spaces.signals import Signals
from tune_spaces.space.first_points import first_points
from tune_spaces.space.space import both_alpha_and_beta_are_free, search_space
from tune_spaces.study.caches import open_cache, require_cache
from tune_spaces.study.context import StudyContext
from tune_spaces.study.fingerprint import (
    require_same,
    require_same_if_known,
    require_same_weights,
    store_size,
    withdrawn_unless_prepared,
)
from tune_spaces.study.folder import StudyFolder, require_own, study_folder
from tune_spaces.study.holder import ClusterNodes
from tune_spaces.study.optuna_storage import study_id
from tune_spaces.study.retention import apply_retention
from tune_spaces.study.study_lock import Lease, held
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.study.verdict import ResultRow, all_failed, champion, rows, verdict
from tune_spaces.study_pairs import mined, read
from tune_spaces.tracking.tracker import Tracker
from tune_spaces.trial_state import TrialState
from tune_spaces.tune.callbacks import tracker_of, unseen_watchers

if TYPE_CHECKING:
    from softnce.inputs.prepared import Prepared
    from tune_spaces.tune.searcher import StopSwitch

log = logging.getLogger(__name__)


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
    table: Sequence[ResultRow]
    champion: ResultRow | None
    verdict: str
    exit_code: int


@dataclass(frozen=True)
class _HeldStudy:
    """A study in the hands of this process, from its prepared inputs to its champion.

    Attributes:
        context: configuration, folder, space and console.
        prepared: the trials' shared inputs.
        trial_store: the study's memory.
        tracker: tells MLflow.
        lease: shows that no other search holds the study.
    """

    context: StudyContext
    prepared: "Prepared"
    trial_store: TrialStore
    tracker: Tracker
    lease: Lease


def search(
    config: Config,
    *,
    source: str = "study",
    out: Path | None = None,
    console: Console | None = None,
    wait: bool = False,
) -> SearchResult:
    """Run or continue a study.

    Args:
        config: with a ``search`` section.
        source: names the study where ``search.name`` does not.
        out: the study's folder; ``./softnce-studies/<name>`` unless given.
        console: where to show progress; the terminal unless given.
        wait: whether to wait for another search of the study, instead of being refused.

    Raises:
        ConfigError: the space or a setting is wrong, or the folder holds another study.
        DataError: the data cannot be read or are too few.
        SetupError: MLflow, Ray or a resource is out of reach.
    """
    session.quiet_environment()
    folder, space = study_folder(config, source, out), search_space(config)
    with Signals() as signals, explained(config, folder.root):
        shown = like(console or terminal())
        return _study(StudyContext(config, folder, space, shown, signals, is_patient=wait))


def _study(context: StudyContext) -> SearchResult:
    """Check what must be so before data are read, and go on."""
    require_own(context.folder)
    require_cache(context.folder.cache(context.config), context.folder.root)
    nodes.require_kept(context.folder.root)
    session.require_reachable()
    with session.with_room(context.config):
        context.signals.renew()
        return _with_room(context)


def _with_room(context: StudyContext) -> SearchResult:
    """Read, prepare, run and conclude."""
    config, console = context.config, context.console
    if both_alpha_and_beta_are_free(context.space):
        console.print("note: only the ratio of weights/alpha and weights/beta matters; tie one")
    tell_if_there_is_nothing_to_search(context)
    pairs = None if config.data.path is None else read(context)  # before anything is written
    if pairs is not None:
        require_same_if_known(context.folder, config, pairs.digest)
    study = context.folder.optuna_study()
    tell_wait = partial(console.print, soft_wrap=True) if context.is_patient else None
    known = ClusterNodes(nodes.own_node(), nodes.is_declared_dead)
    with held(study, tell_wait=tell_wait, nodes=known) as lease:  # before anything is written
        log_to(context.folder.log)
        trial_store = TrialStore(study, context.space)
        tracker = tracker_of(context, study_id(study))
        end = known_end(context, trial_store, tracker)
        if end is not None:
            require_same(context.folder, config, (pairs or mined(context)).digest)
            return _told_again(context, *end)
        tracker.connect()
        with withdrawn_unless_prepared(context.folder):
            prepared = _prepared(context, pairs or mined(context))
        return _searched(_HeldStudy(context, prepared, trial_store, tracker, lease))


def _told_again(context: StudyContext, table: Sequence[ResultRow], sentence: str) -> SearchResult:
    """Show a study of which nothing is left to do."""
    tell_if_more_have_ended(context, sum(row.state.has_ended for row in table))
    apply_retention(context, table)
    code = RunError.exit_code if all_failed(table) else EXIT_OK
    result = SearchResult(context.folder, table, champion(table), sentence, code)
    tell_result(context.console, result, context.config.search.metric)
    return result


def _prepared(context: StudyContext, pairs: PairSet) -> "Prepared":
    """Fill the cache, and check that the study is about the same data, settings and weights."""
    from softnce.inputs.prepare import prepare

    config, cache = context.config, context.folder.cache(context.config)
    require_same(context.folder, config, pairs.digest)
    open_cache(cache, context.folder.root)
    prepared = prepare(
        config, pairs, cache, tell=context.console.print, models=context.space.models()
    )
    require_same_weights(context.folder, prepared.weights)
    store_size(context.folder.root, valid=prepared.valid)
    return prepared


def _searched(held_study: _HeldStudy) -> SearchResult:
    """Run what is left of a study that this process holds, and conclude."""
    context, trial_store = held_study.context, held_study.trial_store
    settings = context.config.search
    trial_store.enqueue_once(first_points(context.space, settings.always_try, settings.noise_seed))
    held_study.tracker.open(
        {
            "softnce.data": held_study.prepared.data,
            "softnce.config": to_yaml(context.config)[:4000],
            "softnce.ray_job": session.submission_id() or "",
        }
    )
    code = EXIT_OK
    if trial_store.ended() < settings.trials:
        code = _run(held_study)
    else:
        tell_if_more_have_ended(context, trial_store.ended())
    held_study.lease.require()
    return _concluded(held_study, code)


def _run(study: _HeldStudy) -> int:
    """Train trials until enough have ended or the search is stopped."""
    context, config = study.context, study.context.config
    plan = headline(config, context.folder.name)
    context.console.print(plan, soft_wrap=True)
    log.info(plan)
    with session.connected(context.folder.log) as capacity:
        at_once = concurrency(config, capacity)
        nodes.require_shared(context.folder.root)
        from tune_spaces.tune.searcher import StopSwitch

        switch = StopSwitch(config.search.time_budget_s)
        with context.signals.handed_to(switch.press), study.lease.handed_to(switch.cut_off):
            _run_trials(study, switch, at_once)
        study.lease.require()
        if switch.reason:
            log.info("the search stops: %s", switch.reason)
            tell_stop(context.console, switch.reason, switch.exit_code)
            return switch.exit_code
        return EXIT_OK


def _run_trials(study: _HeldStudy, switch: "StopSwitch", at_once: int) -> None:
    """Train the frozen models that are missing, then the trials."""
    from tune_spaces.tune.run import Participants, tune_study
    from tune_spaces.tune.train_frozen import frozen_models, with_model

    context, trial_store, prepared = study.context, study.trial_store, study.prepared
    for model in frozen_models(context.space):
        prepared = with_model(model, context, prepared, study.tracker, switch.is_pressed)
    display = Display(
        context.console,
        trials=context.config.search.trials,
        done=trial_store.ended(),
        epochs=context.config.optim.epochs,
        best=_best_so_far(context, trial_store),
        curves=trial_store.curves(),
    )
    watchers = [*unseen_watchers(context, study.tracker, trial_store), display]
    with display:
        participants = Participants(trial_store, switch, watchers)
        tune_study(context, prepared, participants, at_once=at_once)


def _best_so_far(context: StudyContext, trial_store: TrialStore) -> float:
    best = champion(rows(trial_store.trials(), context.space))
    return 0.0 if best is None or best.value is None else best.value


def _concluded(study: _HeldStudy, code: int) -> SearchResult:
    """Export the champion, close the log, and show the table."""
    context, tracker = study.context, study.tracker
    table = rows(study.trial_store.trials(), context.space)
    best = champion(table)
    metric = context.config.search.metric
    sentence = verdict(table, metric, study.prepared.valid)
    if code != EXIT_OK:
        sentence = f"So far: {sentence}"
    log.info(sentence)
    apply_retention(context, table)
    if best is not None:
        from tune_spaces.champion import export_champion

        export_champion(context, study.prepared, best, sentence)
        tracker.champion(best.key, context.folder.champion, to_yaml(best.config))
    state = TrialState.COMPLETE if code == EXIT_OK else TrialState.INTERRUPTED
    left = tracker.close(state, sentence)
    if code == EXIT_OK and all_failed(table):
        code = RunError.exit_code
    result = SearchResult(context.folder, table, best, sentence, code)
    tell_result(context.console, result, metric)
    if left:
        context.console.print(
            f"{left} events wait in {context.folder.root / 'tracking.jsonl'} until MLflow "
            "is back; the same command sends them, or softnce report --push",
            style="yellow",
        )
    return result


def tell_result(console: Console, study: SearchResult, metric: str) -> None:
    """Show the table and the verdict."""
    console.print()
    console.print(results_table(study.table, study.champion, metric))
    console.print(f"\n{study.verdict}", highlight=False, soft_wrap=True)
