"""How a search ends: the champion exported, the log closed, the table and the verdict shown."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from softnce.config.config import Config
from softnce.config.file import to_yaml
from softnce.errors import EXIT_OK, RunError
from tune_spaces.confirm.ending import so_far
from tune_spaces.confirm.phase import table_of
from tune_spaces.page.study_page import tell_end
from tune_spaces.preparation.held_study import HeldStudy
from tune_spaces.report.report import show_table, write_report
from tune_spaces.study.folder import StudyFolder
from tune_spaces.study.retention import apply_retention
from tune_spaces.study.verdicts.stored_verdict import StoredVerdict, store_verdict
from tune_spaces.study.verdicts.verdict import ResultRow, all_failed, champion
from tune_spaces.trial_state import TrialState

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


def concluded(study: HeldStudy, code: int, ending: StoredVerdict | None) -> SearchResult:
    """Export the champion, close the log, and show the table.

    Args:
        study: in the hands of this process.
        code: the exit code so far.
        ending: its verdict; None where the search was stopped before it.
    """
    context, tracker = study.context, study.tracker
    table = table_of(study)
    best = champion(table)
    sentence = f"So far: {so_far(study)}" if ending is None else ending.sentence
    log.info(sentence)
    apply_retention(context, table)
    if best is not None:
        from tune_spaces.search.champion import export_champion, reached_by

        export_champion(context, study.prepared, best, sentence)
        reached = reached_by(context, best)
        tracker.champion(best.key, context.folder.champion, to_yaml(best.config), reached)
    if ending is not None:
        store_verdict(context.folder.root, table, ending)
    is_complete = code == EXIT_OK and ending is not None
    verdict = ending or StoredVerdict(sentence, is_final=False)
    page = tell_end(study, table, verdict, write_report(context))
    state = TrialState.COMPLETE if is_complete else TrialState.INTERRUPTED
    left = tracker.close(state, sentence, page=page)
    if code == EXIT_OK and all_failed(table):
        code = RunError.exit_code
    result = SearchResult(context.folder, table, best, sentence, code)
    tell_result(context.console, result, context.config)
    if left:
        context.console.print(
            f"{left} events wait in {context.folder.root / 'tracking.jsonl'} until MLflow "
            "is back; the same command sends them, or softnce report --push",
            style="yellow",
        )
    return result


def tell_result(console: Console, study: SearchResult, config: Config) -> None:
    """Show the table and the verdict."""
    console.print()
    show_table(console, study.folder.root, study.table, config)
    console.print(f"\n{study.verdict}", highlight=False, soft_wrap=True)
