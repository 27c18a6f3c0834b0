"""The queries that a confirmation changed most, with their words and code from the study's data."""

from collections.abc import Sequence
from dataclasses import dataclass

from softnce.errors import SoftnceError
from tune_spaces.report.facts import StudyFacts
from tune_spaces.report.fresh_runs import ChangedQuery, changed_queries
from tune_spaces.study.context import StudyContext
from tune_spaces.study.fingerprint import stored_fingerprint

MOST_CHANGED = 10


@dataclass(frozen=True, slots=True)
class ChangedText:
    """A query that changed.

    Attributes:
        found: its row, and how well either side answers it.
        query: its text; empty where the data cannot be read.
        code: the function that answers it; likewise.
    """

    found: ChangedQuery
    query: str = ""
    code: str = ""


def changed_texts(context: StudyContext, facts: StudyFacts) -> list[ChangedText]:
    """Return the validation queries that changed most, the largest change first.

    Their texts are left out where ``tracking.query_texts`` says so, and where the data are gone or
    are no longer those of the study.

    Args:
        context: the study.
        facts: of it.
    """
    changed = changed_queries(facts, MOST_CHANGED)
    if not changed or not context.config.tracking.query_texts:
        return [ChangedText(one) for one in changed]
    return _with_texts(context, changed)


def _with_texts(context: StudyContext, changed: Sequence[ChangedQuery]) -> list[ChangedText]:
    from softnce.inputs.pairs import pairs_of

    own = context.folder.mined if context.config.data.path is None else None
    try:
        pairs = pairs_of(context.config.data, own)
    except (SoftnceError, OSError):
        pairs = None
    if pairs is None or pairs.digest != stored_fingerprint(context.folder.root).get("data"):
        return [ChangedText(one) for one in changed]
    return [
        ChangedText(one, pairs.valid.texts[one.row], pairs.candidates[pairs.valid.answers[one.row]])
        for one in changed
    ]
