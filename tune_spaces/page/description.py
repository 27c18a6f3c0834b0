"""What the page of a study says: the verdict, the leaderboard, and how to go on."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from softnce.config.config import Config
from softnce.config.file import value_at
from softnce.losses.table import BASELINE
from tune_spaces.preparation.baselines import Metrics
from tune_spaces.space.settings_read import paths_read
from tune_spaces.study.sizes import Sizes
from tune_spaces.study.verdicts.verdict import (
    ResultRow,
    best_infonce,
    can_be_confirmed,
    champion,
)
from tune_spaces.tracking.markdown import plain, table
from tune_spaces.trial_state import TrialState

_ROWS = 10  # of the leaderboard; the table of runs has all
_LONGEST = 7_400  # characters; with the links that are added MLflow keeps 8,000
_Columns = Mapping[str, tuple[str, str]]
_SETTINGS = {
    "weights/alpha": ("alpha", ".2f"),
    "weights/beta": ("beta", ".2f"),
    "weights/temperature": ("t", ".3g"),
}
_IF_SEARCHED = {
    "loss/temperature": ("loss t", ".3g"),
    "optim/learning_rate": ("learning rate", ".2g"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a description is written from.

    Attributes:
        name: of the study.
        root: its folder.
        config: its configuration.
        rows: its trials.
        sentence: the verdict.
        facts: what the verdict rests on; empty where nothing was confirmed.
        sizes: of its data, where they are known.
        baselines: metrics of what the trials are compared with.
        command: that began the search.
        added: to stand above all else, in markdown.
    """

    name: str
    root: Path
    config: Config
    rows: Sequence[ResultRow]
    sentence: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    sizes: Sizes | None = None
    baselines: Mapping[str, Metrics] = field(default_factory=dict)
    command: str = ""
    added: str = ""


def description(told: Told) -> str:
    """Return the description of a study in markdown, which MLflow keeps whole."""
    for rows in range(_ROWS, 0, -1):
        parts = [
            told.added,
            f"### {plain(told.sentence)}",
            _leaderboard(told, rows),
            _confirmed(told),
            _measured_on(told),
            _to_go_on(told),
        ]
        text = "\n\n".join(part for part in parts if part)
        if len(text) <= _LONGEST:
            break
    return text[:_LONGEST]


def ranked(rows: Sequence[ResultRow]) -> list[ResultRow]:
    """Return the trials, the best first; those that cannot win come last, failed ones at the end.

    Args:
        rows: of a study.
    """
    return sorted(rows, key=_rank, reverse=True)


def _rank(row: ResultRow) -> tuple[bool, bool, float]:
    has_value = row.value is not None and row.state != TrialState.FAILED
    return has_value and row.is_feasible, has_value, row.value or 0.0


def _leaderboard(told: Told, most: int) -> str:
    best, plain_best = champion(told.rows), best_infonce(told.rows)
    order = ranked(told.rows)
    shown = [row for row in order if row in order[:most] or row is plain_best]
    metric, searched = told.config.search.metric, told.config.search.space
    columns = _SETTINGS | {path: it for path, it in _IF_SEARCHED.items() if path in searched}
    headers = ["trial", "loss", "estimator", "state", "", *[name for name, _ in columns.values()]]
    notes = {id(plain_best): "best InfoNCE"} | {id(best): "champion"}
    rows = [_cells(row, columns, notes) for row in shown]
    empty = [""] * len(columns)
    rows += [
        ["-", name, "", "not trained here", "", *empty, f"{metrics[metric]:.4f}"]
        for name, metrics in told.baselines.items()
        if metric in metrics
    ]
    more = len(told.rows) - len(shown)
    below = f"\n\n{more} more trials are in the table of runs." if more else ""
    title = f"#### Leaderboard (validation {metric})\n\n"
    whole = table([*headers, metric], rows, numbers=len(columns) + 1)
    return f"{title}{whole}{below}"


def _cells(row: ResultRow, columns: _Columns, notes: Mapping[int, str]) -> list[str]:
    read = paths_read(row.config) | {"optim/learning_rate"}
    settings = [
        format(value_at(row.config, path), form) if path in read else "-"
        for path, (_, form) in columns.items()
    ]
    spec = row.config.loss.spec
    estimator = row.config.weights.estimator if spec.has_estimator else "-"
    note = notes.get(id(row), row.note[:40] if row.state != TrialState.PRUNED else "by ASHA")
    is_out = row.value is None or row.state == TrialState.FAILED
    state = "stopped early" if row.state == TrialState.PRUNED else str(row.state)
    score = "-" if is_out else f"{row.value:.4f}"
    return [row.key, row.config.loss.name, estimator, state, note, *settings, score]


def _confirmed(told: Told) -> str:
    sides = told.facts.get("configurations", [])
    if not sides:
        return ""
    rows = [
        [
            one["title"],
            one["note"],
            one["seeds"],
            "-" if one["selected"] is None else f"{one['selected']:.4f}",
            f"{one['fresh']:.4f}",
            f"{one['test']:.4f}",
        ]
        for one in sides
    ]
    headers = ["configuration", "", "seeds", "as selected", "validation", "test"]
    title = "#### Confirmed on fresh seeds (MRR)\n\n"
    return title + table(headers, rows, numbers=4)


def _measured_on(told: Told) -> str:
    losses = sorted({row.config.loss.name for row in told.rows} - {BASELINE})
    tried = f"{len(told.rows)} trials: InfoNCE and {', '.join(losses) or 'no other loss'}."
    encoder = f"Encoder: {told.config.encoder_told}."
    if told.sizes is None:
        return plain(f"{tried} {encoder}")
    sizes = (
        f"Validation: {told.sizes.told}; test: {told.sizes.test:,} queries among "
        f"{told.sizes.candidates:,} candidates."
    )
    return plain(f"{tried} {encoder} {sizes}")


def _to_go_on(told: Told) -> str:
    began = f"```sh\n{_fenced(told.command)}\n```\n\n" if told.command else ""
    has_champion = champion(told.rows) is not None
    model = (
        f'- The champion: `mlflow.pyfunc.load_model("models:/softnce-{told.name}@champion")`, '
        "`mlflow.sentence_transformers.load_model` of the same name, or "
        f"`SentenceTransformer` of the folder `champion` in the study's folder.\n"
        if has_champion
        else ""
    )
    can_be = can_be_confirmed(told.rows, told.config.search)
    is_open = can_be and not told.facts.get("configurations")
    where = _fenced(shlex.quote(told.root.name))
    asks = f"- Is it real? `softnce confirm {where}`.\n" if is_open else ""
    return (
        f"#### Reproduce\n\n{began}"
        "- `config.yaml` under Artifacts is the whole configuration: `softnce search config.yaml` "
        "searches it again; `environment.json` and `requirements.txt` tell what it ran with.\n"
        f"{model}"
        f"{asks}- All of it in one page: `softnce report {where} --open`."
    )


def _fenced(text: str) -> str:
    """Return a text that cannot end the code it stands in."""
    return text.replace("`", "'")
