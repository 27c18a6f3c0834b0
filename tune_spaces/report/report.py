"""A study as its folder tells it: the table, the verdict, and what MLflow has not got yet."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from softnce.config.config import Config
from softnce.errors import EXIT_OK, SetupError
from tune_spaces.preparation.baselines import stored_baselines
from tune_spaces.report.facts import StudyFacts, study_facts
from tune_spaces.report.importance import show_importance
from tune_spaces.report.page.report_page import MadeReport, made_report
from tune_spaces.report.tables.results_table import results_table
from tune_spaces.study.context import StudyContext
from tune_spaces.study.lock.study_lock import held
from tune_spaces.study.sizes import stored_sizes
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.study.verdicts.verdict import ResultRow, champion
from tune_spaces.tracking.tracker import Tracker
from tune_spaces.trial_state import TrialState

_PUSH_TIMEOUT_S = 120.0
_WIDTH_OF_A_PAGE = 80  # of a table that goes into a file or a pipe


def show(context: StudyContext, tracker: Tracker) -> StudyFacts:
    """Print a study's table, importances and verdict, and how many events wait for MLflow."""
    facts, console = study_facts(context), context.console
    show_table(console, context.folder.root, facts.table, context.config)
    if context.config.search.space:
        show_importance(console, facts.importance)
    console.print(f"\n{facts.sentence}", highlight=False, soft_wrap=True)
    _show_unsent(context, tracker)
    return facts


def _show_unsent(context: StudyContext, tracker: Tracker) -> None:
    console = context.console
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
        console: a terminal is as wide as it is; a file or a pipe gets 80 columns.
        root: the study's folder.
        table: its rows.
        config: its configuration.
    """
    width = console.width if console.is_terminal else _WIDTH_OF_A_PAGE
    found = results_table(
        table,
        champion(table),
        config.search.metric,
        searched=config.search.space,
        baselines=stored_baselines(root),
        width=width,
    )
    console.print(found.table, width=width)
    for line in _left_out(found.left_out, found.rows_left_out):
        console.print(line, style="dim", highlight=False, soft_wrap=True)
    sizes = stored_sizes(root)
    if sizes is not None:
        console.print(
            f"\nvalidation: {sizes.told}; "
            f"test: {sizes.test:,} queries among {sizes.candidates:,} candidates",
            highlight=False,
            soft_wrap=True,
        )


def write_report(context: StudyContext, facts: StudyFacts | None = None) -> MadeReport | None:
    """Write a study's page and pictures; None, with a sentence said, where that cannot be.

    Args:
        context: the study.
        facts: of it, where they are known.
    """
    try:
        return made_report(context, facts or study_facts(context))
    except (OSError, SetupError) as error:
        context.console.print(
            f"the page of the study was not written: {error}", style="yellow", soft_wrap=True
        )
        return None


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
        sentence = study_facts(context).sentence
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


def _left_out(paths: Sequence[str], trials: int) -> list[str]:
    lines = []
    if trials:
        lines.append(f"{trials:,} more trials are not shown; softnce report --json has all")
    if paths:
        lines.append(f"no room for: {', '.join(paths)}; softnce report --json has them")
    return lines
