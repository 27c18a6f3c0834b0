"""A study as one JSON object: what scripts read of it."""

import math
from collections import Counter
from typing import Any

from tune_spaces.report.facts import StudyFacts
from tune_spaces.report.tables.trials_table import trial_records
from tune_spaces.space.space import SearchSpace
from tune_spaces.tracking.event_log import EventLog


def study_record(facts: StudyFacts, space: SearchSpace) -> dict[str, Any]:
    """Return a study as plain values; what is not known or not finite is None.

    Args:
        facts: the study.
        space: of it.
    """
    records = trial_records(facts.table, space, EventLog(facts.root).all())
    best, sizes, verdict = facts.best, facts.sizes, facts.verdict
    found = {
        "study": facts.name,
        "folder": str(facts.root),
        "metric": facts.metric,
        "trials_wanted": facts.config.search.trials,
        "states": dict(Counter(str(row.state) for row in facts.table)),
        "sentence": facts.sentence,
        "is_final": verdict is not None and verdict.is_final,
        "verdict": dict(verdict.facts) if verdict is not None else {},
        "champion": next((one for one in records if best and one["key"] == best.key), None),
        "baselines": {name: dict(metrics) for name, metrics in facts.baselines.items()},
        "importance": dict(facts.importance.of_settings),
        "validation_queries": sizes.looked_at[0] if sizes else None,
        "test_queries": sizes.test if sizes else None,
        "candidates": sizes.candidates if sizes else None,
        "trials": [{**one, "costs": dict(facts.costs.get(one["key"], {}))} for one in records],
    }
    return {name: _finite(value) for name, value in found.items()}


def _finite(value: Any) -> Any:  # noqa: ANN401  (any plain value)
    """Return a plain value in which JSON finds no number that it cannot hold."""
    if isinstance(value, dict):
        return {str(name): _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
