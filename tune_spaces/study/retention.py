"""Which trials of a study keep which of their files, and why the others need none.

The best trials and the champion keep the weights of their best epoch; trials that may go on keep
all that they need for it; the weights of all others go as soon as they have lost.
"""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from softnce.checkpoints.manifest import best_checkpoint, keep_weights_only
from softnce.checkpoints.retention import OPTIMIZER, checkpoints, needless_to_use, remove
from tune_spaces.study.context import StudyContext
from tune_spaces.study.folder import StudyFolder
from tune_spaces.study.verdicts.verdict import ResultRow, eligible


def kept_trials(table: Sequence[ResultRow], keep_top: int) -> set[str]:
    """Return the keys of the trials whose best weights stay: the best complete ones.

    Args:
        table: one row per trial.
        keep_top: how many of them; the champion is the first.
    """
    complete = eligible(table)
    complete.sort(key=lambda row: row.value or 0.0, reverse=True)
    return {row.key for row in complete[:keep_top]}


def apply_retention(
    context: StudyContext, table: Sequence[ResultRow], just_complete: str | None = None
) -> None:
    """Drop the weights of all but the best trials; those that may go on keep theirs.

    All trials are looked at: one that was stopped may have written an epoch after its end.

    Args:
        context: the study; ``search.keep_top`` trials and the champion keep their weights.
        table: one row per trial.
        just_complete: key of a trial that has just done all its epochs, if one has.
    """
    if just_complete is not None:
        keep_weights_only(context.folder.trial(just_complete))
    kept = kept_trials(table, context.config.search.keep_top)
    for row in table:
        if row.key not in kept and row.state.has_ended:
            remove(checkpoints(context.folder.trial(row.key)))


def needless_of_trials(
    context: StudyContext, table: Sequence[ResultRow]
) -> Iterator[tuple[Path, str]]:
    """Yield each file or folder that trials which have ended do not need, and why.

    Args:
        context: a study that nobody searches; the trial that was exported keeps its weights too.
        table: one row per trial.
    """
    kept = kept_trials(table, context.config.search.keep_top) | {context.folder.champion_key}
    for row in table:
        if row.state.has_ended:
            yield from _needless_of_trial(context.folder, row.key, kept)


def _needless_of_trial(
    folder: StudyFolder, key: str, kept: Collection[str]
) -> Iterator[tuple[Path, str]]:
    if key not in kept:
        for path in checkpoints(folder.trial(key)):
            yield path, "weights of a loser"
        return
    best = best_checkpoint(folder.trial(key))
    if best is None:
        return  # nothing is known to be needless where the best cannot be told
    for path in needless_to_use(best):
        if path.name == OPTIMIZER and path.exists():
            yield path, "optimizer state of a trial that has ended"
        elif path.exists():
            yield path, "a later or better epoch is kept"
