"""A finished study that is searched again: told from its folder, at once, without its inputs."""

from collections.abc import Sequence

from tune_spaces.study.context import StudyContext
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.study.verdicts.stored_verdict import stored_verdict
from tune_spaces.study.verdicts.verdict import ResultRow, champion, rows
from tune_spaces.tracking.event_log import EventLog
from tune_spaces.tracking.tracker import Tracker
from tune_spaces.trial_state import TrialState


def known_end(
    context: StudyContext, trial_store: TrialStore, tracker: Tracker
) -> tuple[Sequence[ResultRow], str] | None:
    """Return the table and the verdict of a study of which nothing is left to do, else None.

    Enough trials have ended, the champion is exported, and MLflow has all with this verdict.
    """
    if trial_store.ended() < context.config.search.trials:
        return None
    table = rows(trial_store.trials(), context.space)
    known = stored_verdict(context.folder.root, table)
    if known is None or (context.config.search.confirm == "always" and not known.is_final):
        return None
    sentence = known.sentence
    if not _is_exported(context, champion(table)) or tracker.waiting():
        return None
    return (table, sentence) if _is_told(context, sentence) else None


def _is_exported(context: StudyContext, best: ResultRow | None) -> bool:
    folder = context.folder
    return best is None or (
        folder.champion_key == best.key and (folder.champion / "config.yaml").exists()
    )


def _is_told(context: StudyContext, sentence: str) -> bool:
    """Tell whether the last that MLflow heard of a study is its end with this verdict."""
    last = next(reversed(EventLog(context.folder.root).all()), {})
    told = (last.get("kind"), last.get("state"), last.get("note"))
    return (
        told == ("close", TrialState.COMPLETE, sentence)
        and (context.folder.root / "study.json").exists()
    )
