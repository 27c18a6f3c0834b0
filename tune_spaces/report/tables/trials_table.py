"""The trials of a study as plain records: settings by path, and what the best epoch measured."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from softnce.config.file import all_paths, value_at
from softnce.evaluation.metric_names import EPOCH_METRICS
from tune_spaces.space.space import SearchSpace
from tune_spaces.study.verdicts.verdict import ResultRow
from tune_spaces.tracking.event_log import Event
from tune_spaces.tune.callbacks import run_name

TableRecord = dict[str, Any]
_UNTOLD = ("objective", "seconds", "step_seconds", "trained_parameters")
_MEASURED = tuple(name for name in EPOCH_METRICS if name not in _UNTOLD)
_SECTIONS = ("encoder/", "loss/", "weights/", "optim/")  # what a trial can change


def trial_records(
    table: Sequence[ResultRow], space: SearchSpace, events: Iterable[Event]
) -> list[TableRecord]:
    """Return one record per trial, in order, each with the same keys.

    Args:
        table: the study's rows.
        space: of the study.
        events: all that the study has sent to MLflow.

    Returns:
        ``number``, ``key``, ``state``, ``role``, ``value`` (best ``search.metric``), the metrics of
        the epoch that had it, ``epochs`` done, ``duration_s`` (seconds of training and validation),
        ``run_name``, ``note``, and each setting that is searched or differs between trials under
        its path, for example ``weights/alpha``. None: not measured, or not read by the trial.
    """
    paths, histories = _paths(table, space), _histories(events)
    return [_record(row, space, paths, histories.get(row.key, {})) for row in table]


def measured(record: TableRecord) -> dict[str, float]:
    """Return the metrics of a record that were measured, by name."""
    return {name: record[name] for name in _MEASURED if record[name] is not None}


def best_metrics(history: Mapping[int, Mapping[str, float]], metric: str) -> dict[str, float]:
    """Return the metrics of the epoch in which a metric was best, the earliest of equal ones.

    >>> best_metrics({1: {"mrr": 0.2, "loss": 1.0}, 2: {"mrr": 0.1, "loss": 0.5}}, "mrr")
    {'mrr': 0.2, 'loss': 1.0}
    """
    known = [history[epoch] for epoch in sorted(history) if metric in history[epoch]]
    best = max(known, key=lambda metrics: metrics[metric], default={})
    return {name: best[name] for name in _MEASURED if name in best}


def _histories(events: Iterable[Event]) -> dict[str, dict[int, dict[str, float]]]:
    """Return the metrics by trial and epoch; an epoch reported twice counts once."""
    histories: dict[str, dict[int, dict[str, float]]] = defaultdict(dict)
    for event in events:
        if event["kind"] == "report":
            histories[event["key"]][event["epoch"]] = event["metrics"]
    return histories


def _record(
    row: ResultRow,
    space: SearchSpace,
    paths: Sequence[str],
    history: Mapping[int, Mapping[str, float]],
) -> TableRecord:
    best = best_metrics(history, space.base.search.metric)
    seconds = [metrics.get("seconds", 0.0) for metrics in history.values()]
    read = _flat(space.trained({path: value_at(row.config, path) for path in paths}))
    return {
        "number": int(row.key.removeprefix("t")),
        "key": row.key,
        "state": str(row.state),
        "role": row.role,
        "value": row.value,
        **{name: best.get(name) for name in _MEASURED},
        "epochs": len(history),
        "duration_s": sum(seconds) if seconds else None,
        "run_name": run_name(row.key, row.config),
        "note": row.note,
        **{path: read.get(path) for path in paths},
    }


def _paths(table: Sequence[ResultRow], space: SearchSpace) -> list[str]:
    """List the settings that are searched, then the others in which trials differ."""
    others = [path for path in all_paths() if path.startswith(_SECTIONS)]
    differing = [
        path for path in others if len({repr(value_at(row.config, path)) for row in table}) > 1
    ]
    return list(dict.fromkeys([*space.base.search.space, *differing]))


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings by path; those that are by path already stay so."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}/")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
