"""One study from its configuration to its champion: prepare once, run trials, write the verdict.

Called again on the same folder it continues: nothing that has ended is trained again.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from softnce.config.config import Config
from softnce.config.file import to_yaml
from softnce.errors import EXIT_OK, RunError
from softnce.terminal.console import like, terminal
from softnce.terminal.logging_setup import log_to
from softnce.training.resource_errors import explained
from tune_spaces.confirm.ending import ended_verdict, settled_verdict
from tune_spaces.confirm.ledger import note_trials
from tune_spaces.live.display import Display, Former, Leader, headline
from tune_spaces.live.notes import (
    tell_if_more_have_ended,
    tell_if_no_gpu_is_reserved,
    tell_if_there_is_nothing_to_search,
    tell_stop,
)
from tune_spaces.page.environment import source_tags
from tune_spaces.page.study_page import tell_beginning
from tune_spaces.preparation.held_study import HeldStudy, prepared_inputs, with_models
from tune_spaces.preparation.study_pairs import StudyPairs
from tune_spaces.ray_session import nodes, session
from tune_spaces.ray_session.capacity import concurrency
from tune_spaces.search.conclusion import SearchResult, concluded, tell_result
from tune_spaces.search.finished import known_end
from tune_spaces.signals import Signals
from tune_spaces.space.first_points import first_points
from tune_spaces.space.space import both_alpha_and_beta_are_free, known_space, search_space
from tune_spaces.study.caches import require_cache
from tune_spaces.study.contents import write_contents
from tune_spaces.study.context import PageAddition, StudyContext
from tune_spaces.study.fingerprint import FINGERPRINT, require_same, withdrawn_unless_prepared
from tune_spaces.study.folder import StudyFolder, require_own, study_folder
from tune_spaces.study.lock.lease_owner import ClusterNodes
from tune_spaces.study.lock.study_lock import held
from tune_spaces.study.optuna_storage import study_id
from tune_spaces.study.retention import apply_retention
from tune_spaces.study.sizes import stored_sizes
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.study.verdicts.stored_verdict import StoredVerdict
from tune_spaces.study.verdicts.verdict import (
    ResultRow,
    all_failed,
    best_infonce,
    champion,
    rows,
)
from tune_spaces.study.warm_start import known_trials, learn_from
from tune_spaces.tune.callbacks import NAMED, run_name, tracker_of, unseen_watchers

if TYPE_CHECKING:
    from tune_spaces.tune.searcher import StopSwitch

log = logging.getLogger(__name__)


def search(
    config: Config,
    *,
    source: str = "study",
    out: Path | None = None,
    console: Console | None = None,
    wait: bool = False,
    warm_from: str | None = None,
) -> SearchResult:
    """Run or continue a study.

    Args:
        config: with a ``search`` section.
        source: names the study where ``search.name`` does not.
        out: the study's folder; ``./softnce-studies/<name>`` unless given.
        console: where to show progress; the terminal unless given.
        wait: whether to wait for another search of the study, instead of being refused.
        warm_from: folder or name of a study whose complete trials guide the sampler of a new one.

    Raises:
        ConfigError: the space or a setting is wrong, or the folder holds another study.
        DataError: the data cannot be read or are too few.
        SetupError: MLflow, Ray or a resource is out of reach.
    """
    folder = study_folder(config, source, out)
    return search_in(folder, config, console=console, wait=wait, warm_from=warm_from)


def search_in(
    folder: StudyFolder,
    config: Config,
    *,
    console: Console | None = None,
    wait: bool = False,
    warm_from: str | None = None,
    added: Callable[[StudyFolder], PageAddition] | None = None,
) -> SearchResult:
    """Run or continue the study of a folder.

    Args:
        folder: of the study.
        config: as for ``search``, and so are ``console``, ``wait`` and ``warm_from``.
        console: where to show progress; the terminal unless given.
        wait: whether to wait for another search of the study.
        warm_from: folder or name of a study whose trials guide the sampler.
        added: returns what the caller adds to the study's page, from what lies in its folder; not
            called where nothing was left to do.

    Raises:
        ConfigError: as ``search``, and so are the other errors.
        DataError: the data cannot be read or are too few.
        SetupError: MLflow, Ray or a resource is out of reach.
    """
    session.quiet_environment()
    is_known = (folder.root / FINGERPRINT).exists()  # its space was proven, and may not change
    space = known_space(config) if is_known else search_space(config)
    with Signals() as signals, explained(config, folder.root):
        shown = like(console or terminal())
        context = StudyContext(
            config, folder, space, shown, signals, warm_from, is_patient=wait, added=added
        )
        return _study(context)


def _study(context: StudyContext) -> SearchResult:
    """Check what must be so before data are read, and go on."""
    require_own(context.folder)
    require_cache(context.folder.cache(context.config), context.folder.root)
    if context.warm_from is not None:
        known_trials(context.warm_from, context)
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
    tell_if_no_gpu_is_reserved(context)
    pairs = StudyPairs(context)
    pairs.require()  # before anything is written
    study = context.folder.optuna_study()
    tell_wait = partial(console.print, soft_wrap=True) if context.is_patient else None
    known = ClusterNodes(nodes.own_node(), nodes.is_declared_dead)
    with held(study, tell_wait=tell_wait, nodes=known) as lease:  # before anything is written
        log_to(context.folder.log)
        trial_store = TrialStore(study, context.space)
        tracker = tracker_of(context, study_id(study))
        end = known_end(context, trial_store, tracker)
        if end is not None:
            require_same(context.folder, config, pairs.digest)
            pairs.remember()
            return _told_again(context, *end)
        search_space(config)  # what may change while a study goes on must fit its draws
        tracker.connect()
        with withdrawn_unless_prepared(context.folder):
            prepared = prepared_inputs(context, pairs.all())
        pairs.remember()
        held_study = HeldStudy(context, prepared, trial_store, tracker, lease, pairs.all())
        return _searched(held_study)


def _told_again(context: StudyContext, table: Sequence[ResultRow], sentence: str) -> SearchResult:
    """Show a study of which nothing is left to do."""
    tell_if_more_have_ended(context, sum(row.state.has_ended for row in table))
    apply_retention(context, table)
    code = RunError.exit_code if all_failed(table) else EXIT_OK
    result = SearchResult(context.folder, table, champion(table), sentence, code)
    tell_result(context.console, result, context.config)
    return result


def _searched(held_study: HeldStudy) -> SearchResult:
    """Run what is left of a study that this process holds, and conclude."""
    context, trial_store = held_study.context, held_study.trial_store
    settings = context.config.search
    trial_store.enqueue_once(first_points(context.space, settings.always_try, settings.noise_seed))
    if settings.score_test:
        note_trials(context.folder.root)
    if context.warm_from is not None:
        known, data = known_trials(context.warm_from, context), held_study.prepared.data
        told = learn_from(known, trial_store, context.space, data)
        context.console.print(told, highlight=False, soft_wrap=True)
    write_contents(context.folder.root, context.folder.name)
    sizes = stored_sizes(context.folder.root)
    held_study.tracker.open(
        {
            "softnce.data": held_study.prepared.data,
            "softnce.validation": sizes.told if sizes else "",
            "softnce.config": to_yaml(context.config)[:4000],
            "softnce.ray_job": session.submission_id() or "",
            **source_tags(),
        },
        [path for path in settings.space if path not in NAMED],
    )
    tell_beginning(held_study)
    code, ending = _run(held_study)
    held_study.lease.require()
    return concluded(held_study, code, ending)


def _run(study: HeldStudy) -> tuple[int, StoredVerdict | None]:
    """Train trials and confirm the best, until enough have ended or the search is stopped.

    Returns:
        The exit code, and the verdict; None where the search was stopped before it.
    """
    context, config = study.context, study.context.config
    left = config.search.trials - study.trial_store.ended()
    if left > 0:
        former = _former(context, study.trial_store)
        plan = headline(config, context.folder.name, former)
        context.console.print(plan, soft_wrap=True)
        log.info(plan)
    else:
        tell_if_more_have_ended(context, study.trial_store.ended())
        settled = settled_verdict(study)
        if settled is not None:
            return EXIT_OK, settled
    with session.connected(context.folder.log) as capacity:
        at_once = concurrency(config, capacity)
        nodes.require_shared(context.folder.root)
        from tune_spaces.tune.gpu_meter import GPUMeter
        from tune_spaces.tune.searcher import StopSwitch

        limit = config.search.max_gpu_hours
        meter = GPUMeter(context.folder.root, config.resources, limit=limit)
        switch = StopSwitch(config.search.time_budget_s, meter)
        with context.signals.handed_to(switch.press), study.lease.handed_to(switch.cut_off):
            if left > 0:
                _run_trials(study, switch, at_once)
            ending = None if switch.is_pressed() else ended_verdict(study, switch, at_once)
        study.lease.require()
        if switch.reason:
            log.info("the search stops: %s", switch.reason)
            tell_stop(context.console, switch.reason, switch.exit_code)
            return switch.exit_code, ending
        return EXIT_OK, ending


def _run_trials(study: HeldStudy, switch: "StopSwitch", at_once: int) -> None:
    """Train the frozen models that are missing, then the trials."""
    from tune_spaces.tune.run import Participants, tune_study

    context, trial_store = study.context, study.trial_store
    with switch.meter.running("frozen models") if switch.meter else nullcontext():
        prepared = with_models(study, switch.is_pressed)
    display = Display(
        context.console,
        trials=context.config.search.trials,
        epochs=context.config.optim.epochs,
        former=_former(context, trial_store),
        folder_of=context.folder.trial,
    )
    watchers = [*unseen_watchers(context, study.tracker, trial_store), display]
    with display:
        participants = Participants(trial_store, switch, watchers)
        tune_study(context, prepared, participants, at_once=at_once)


def _former(context: StudyContext, trial_store: TrialStore) -> Former:
    """Return what former searches of a study have left."""
    table = rows(trial_store.trials(), context.space)
    return Former(
        done=trial_store.ended(),
        best=_leader(champion(table)),
        infonce=_leader(best_infonce(table)),
        curves=trial_store.curves(),
    )


def _leader(row: ResultRow | None) -> Leader | None:
    if row is None or row.value is None:
        return None
    return Leader(run_name(row.key, row.config), row.value)
