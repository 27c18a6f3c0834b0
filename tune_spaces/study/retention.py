"""Room on the disk while a study runs: losers' weights go as soon as they have lost."""

import shutil
from collections.abc import Sequence

from tune_spaces.study.context import StudyContext
from tune_spaces.study.verdict import Row, champion
from tune_spaces.trial_state import TrialState


def tidy(context: StudyContext, table: Sequence[Row]) -> None:
    """Drop the weights of all but the best trials; those that may go on keep theirs.

    All trials are looked at: one that was stopped may have written an epoch after its end.

    Args:
        context: the study; ``search.keep_top`` trials and the champion keep their weights.
        table: one row per trial.
    """
    complete = [row for row in table if row.state == TrialState.COMPLETE]
    complete.sort(key=lambda row: row.value or 0.0, reverse=True)
    best = champion(table)
    kept = {row.key for row in complete[: context.config.search.keep_top]}
    kept |= {best.key} if best else set()
    for row in table:
        if row.key not in kept and row.state.has_ended:
            for path in context.folder.trial(row.key).glob("epoch-*"):
                shutil.rmtree(path, ignore_errors=True)
