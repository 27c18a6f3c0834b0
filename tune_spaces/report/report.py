"""A study as its folder tells it: the table, the verdict, and what MLflow has not got yet."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.measure import Measurement

from softnce.config.config import Config
from softnce.errors import EXIT_OK, SetupError
from tune_spaces.preparation.baselines import stored_baselines
from tune_spaces.report.importance import importance, show_importance
from tune_spaces.report.results_table import results_table
from tune_spaces.study.context import StudyContext
from tune_spaces.study.lock.study_lock import held
from tune_spaces.study.sizes import stored_sizes
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.study.verdicts.stored_verdict import stored_verdict
from tune_spaces.study.verdicts.verdict import (
    ResultRow,
    cannot_tell,
    champion,
    rows,
    unconfirmed_lead,
)
from tune_spaces.tracking.tracker import Tracker
from tune_spaces.trial_state import TrialState

_PUSH_TIMEOUT_S = 120.0


def show(context: StudyContext, tracker: Tracker) -> None:
    """Print a study's table, importances and verdict, and how many events wait for MLflow."""
    trial_store = TrialStore(context.folder.stored_study(), context.space)
    table, sentence = _concluded(context, trial_store)
    console = context.console
    show_table(console, context.folder.root, table, context.config)
    if context.config.search.space:
        show_importance(console, importance(trial_store.trials()))
    console.print(f"\n{sentence}", highlight=False, soft_wrap=True)
    refused = tracker.refused()
    if refused:
        console.print(
            f"{refused} events were refused and lie in "
            f"{context.folder.root / 'tracking.refused.jsonl'}, with the reasons",
            style="yellow",
            soft_wrap=True,
        )
    waiting = tracker.waiting()
    if waiting:
        console.print(
            f"{waiting} events have not reached MLflow: softnce report "
            f"{context.folder.root} --push sends them",
            style="yellow",
            soft_wrap=True,
        )


def show_table(console: Console, root: Path, table: Sequence[ResultRow], config: Config) -> None:
    """Print the table of a study with what it is compared with, and what it was measured on.

    Args:
        console: a page is as wide as the table needs; a terminal is as wide as it is.
        root: the study's folder.
        table: its rows.
        config: its configuration.
    """
    shown = results_table(
        table,
        champion(table),
        config.search.metric,
        searched=config.search.space,
        baselines=stored_baselines(root),
    )
    whole = console.options.update(max_width=10_000)
    width = max(console.width, Measurement.get(console, whole, shown).maximum)
    former = console.width
    console.width = former if console.is_terminal else width
    console.print(shown)
    console.width = former
    sizes = stored_sizes(root)
    if sizes is not None:
        console.print(
            f"\nvalidation: {sizes.told}; "
            f"test: {sizes.test:,} queries among {sizes.candidates:,} candidates",
            highlight=False,
            soft_wrap=True,
        )


def push(context: StudyContext, tracker: Tracker) -> int:
    """Send MLflow the events that wait in the study's folder, in order.

    Returns:
        How many were sent.

    Raises:
        SetupError: MLflow is out of reach, or another search holds the study.
    """
    waiting = tracker.waiting()
    if not waiting:
        return EXIT_OK
    study = context.folder.stored_study()
    trial_store = TrialStore(study, context.space)
    with held(study):
        _, sentence = _concluded(context, trial_store)
        tracker.connect()
        tracker.open({})
        is_complete = trial_store.ended() >= context.config.search.trials
        state = TrialState.COMPLETE if is_complete else TrialState.INTERRUPTED
        left = tracker.close(state, sentence, timeout_s=_PUSH_TIMEOUT_S)
    if left:
        raise SetupError(
            f"{context.folder.root}: {left} events still wait; MLflow did not take them within "
            f"{_PUSH_TIMEOUT_S:g} s",
            "see softnce logs, then push again",
        )
    return waiting


def _concluded(context: StudyContext, trial_store: TrialStore) -> tuple[Sequence[ResultRow], str]:
    """Return the table, and the verdict that the study ended with, else what is known so far."""
    table, settings = rows(trial_store.trials(), context.space), context.config.search
    root = context.folder.root
    known = stored_verdict(root, table)
    if known is not None:
        is_whole = trial_store.ended() >= settings.trials
        return table, known.sentence if is_whole else f"So far: {known.sentence}"
    why = cannot_tell(table, settings.metric, stored_sizes(root), settings.smallest_gain)
    command = f"softnce confirm {root.name}"
    said = why or unconfirmed_lead(table, settings.metric, command, "some time")
    return table, f"So far: {said}"
