"""A study confirmed on request: the best of it on fresh seeds and the test split."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console

from softnce.checkpoints.manifest import best_checkpoint
from softnce.config.file import to_yaml
from softnce.errors import EXIT_OK, RunError
from softnce.terminal.logging_setup import log_to
from softnce.training.resource_errors import explained
from tune_spaces.confirm.contest import contest
from tune_spaces.confirm.ending import so_far
from tune_spaces.confirm.outcome import JudgedRace
from tune_spaces.confirm.phase import (
    Request,
    confirmed,
    race_of,
    require_test_queries,
    table_of,
)
from tune_spaces.live.notes import tell_stop
from tune_spaces.page.study_page import tell_end
from tune_spaces.preparation.held_study import HeldStudy, prepared_inputs
from tune_spaces.preparation.study_pairs import mined, read
from tune_spaces.ray_session import nodes, session
from tune_spaces.ray_session.capacity import concurrency
from tune_spaces.report.report import write_report
from tune_spaces.search.champion import export_champion, reached_by
from tune_spaces.signals import Signals
from tune_spaces.study.context import StudyContext, stored_study_context
from tune_spaces.study.lock.lease_owner import ClusterNodes
from tune_spaces.study.lock.study_lock import held
from tune_spaces.study.optuna_storage import study_id
from tune_spaces.study.sizes import Sizes, stored_sizes
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.study.verdicts.stored_verdict import StoredVerdict, store_verdict
from tune_spaces.study.verdicts.verdict import champion, rows
from tune_spaces.trial_state import TrialState
from tune_spaces.tune.callbacks import tracker_of


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How a confirmation ended.

    Attributes:
        sentence: the verdict; where it was stopped, what is known so far.
        facts: what the verdict rests on, as plain values; empty where it was stopped.
        exit_code: 0 complete, 4 stopped early and resumable.
    """

    sentence: str
    facts: Mapping[str, Any]
    exit_code: int


def confirm(
    name: str | None,
    console: Console,
    *,
    seeds: int | None = None,
    candidates: int | None = None,
    time_budget_s: float | None = None,
) -> Confirmation:
    """Train the best configurations of a study anew, and judge them on the test split.

    What has ended is never trained again: asked again it goes on, or tells its result.

    Args:
        name: a study's folder or name; the newest without it.
        console: where to show progress and the result.
        seeds: fresh ones, in place of ``search.confirm_seeds``.
        candidates: how many of the best configurations.
        time_budget_s: seconds after which to stop.

    Raises:
        ConfigError: there is no such study, or it has nothing to confirm.
        DataError: the test split is too small.
        RunError: the champion's checkpoint is gone.
        SetupError: another process holds the study, or MLflow or Ray is out of reach.
    """
    session.quiet_environment()
    context = stored_study_context(name, console)
    given = {"candidates": candidates} if candidates is not None else {}
    request = Request(seeds or context.config.search.confirm_seeds, **given)
    _require_confirmable(context, request)
    with Signals() as signals, explained(context.config, context.folder.root):
        session.require_reachable()
        with session.with_room(context.config):
            signals.renew()
            return _held(replace(context, signals=signals), request, time_budget_s)


def _require_confirmable(context: StudyContext, request: Request) -> None:
    """Refuse what can never be confirmed before anything is held, read or written."""
    folder, config = context.folder, context.config
    table = rows(TrialStore(folder.stored_study(), context.space).trials(), context.space)
    contest(table, candidates=request.candidates)
    sizes = stored_sizes(folder.root)
    if sizes is not None:
        require_test_queries(sizes, config.data.path or str(folder.mined))
    best = champion(table)
    is_exported = best is not None and folder.champion_key == best.key
    if best is None or (is_exported and (folder.champion / "config.yaml").exists()):
        return
    if best_checkpoint(folder.trial(best.key)) is None:
        raise RunError(
            f"{folder.trial(best.key)}: the champion's checkpoint is missing or damaged",
            "restore it, or search more trials",
        )


def _held(context: StudyContext, request: Request, time_budget_s: float | None) -> Confirmation:
    """Hold the study, prepare its inputs, and go on."""
    stored, root = context.folder.stored_study(), context.folder.root
    known = ClusterNodes(nodes.own_node(), nodes.is_declared_dead)
    with held(stored, nodes=known) as lease:
        log_to(context.folder.log)
        trial_store = TrialStore(stored, context.space)
        pairs = read(context) or mined(context)
        tracker = tracker_of(context, study_id(stored))
        tracker.connect()
        prepared = prepared_inputs(context, pairs)
        study = HeldStudy(context, prepared, trial_store, tracker, lease, pairs)
        sizes = stored_sizes(root)
        assert sizes is not None  # noqa: S101  (prepared_inputs has stored them)
        require_test_queries(sizes, context.config.data.path or str(context.folder.mined))
        tracker.open({})
        found, code = _run(study, request, sizes, time_budget_s)
        lease.require()
        return _concluded(study, found, code)


def _run(
    study: HeldStudy, request: Request, sizes: Sizes, time_budget_s: float | None
) -> tuple[JudgedRace | None, int]:
    from tune_spaces.tune.gpu_meter import GPUMeter
    from tune_spaces.tune.searcher import StopSwitch

    context = study.context
    race = race_of(study, table_of(study), request)
    meter = GPUMeter(context.folder.root, context.config.resources)  # counts, without a limit
    switch = StopSwitch(time_budget_s, meter)
    if not race.standing().due:
        return confirmed(study, race, sizes, switch, 1), EXIT_OK
    with session.connected(context.folder.log) as capacity:
        at_once = concurrency(context.config, capacity)
        nodes.require_shared(context.folder.root)
        with context.signals.handed_to(switch.press), study.lease.handed_to(switch.cut_off):
            found = confirmed(study, race, sizes, switch, at_once)
    if found is None and switch.reason:
        tell_stop(context.console, switch.reason, switch.exit_code)
        return None, switch.exit_code
    return found, EXIT_OK


def _concluded(study: HeldStudy, found: JudgedRace | None, code: int) -> Confirmation:
    """Tell the verdict to the study's folder, its champion's card, MLflow and the terminal."""
    context, table = study.context, table_of(study)
    sentence = f"So far: {so_far(study)}" if found is None else found.sentence
    verdict = StoredVerdict(sentence, is_final=False)
    if found is not None:
        verdict = StoredVerdict(sentence, is_final=True, facts=found.facts)
        store_verdict(context.folder.root, table, verdict)
    best = champion(table)
    if best is not None:
        export_champion(context, study.prepared, best, sentence)
        reached = reached_by(context, best)
        study.tracker.champion(best.key, context.folder.champion, to_yaml(best.config), reached)
    is_whole = study.trial_store.ended() >= context.config.search.trials and found is not None
    page = tell_end(study, table, verdict, write_report(context))
    state = TrialState.COMPLETE if is_whole else TrialState.INTERRUPTED
    study.tracker.close(state, sentence, page=page)
    context.console.print(f"\n{sentence}", highlight=False, soft_wrap=True)
    return Confirmation(sentence, {} if found is None else found.facts, code)
