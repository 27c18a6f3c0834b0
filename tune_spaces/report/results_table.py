"""The table of a study: its trials with all that was searched, and what they are compared with."""

from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from softnce.config.file import value_at
from tune_spaces.live.display import COLOURS
from tune_spaces.preparation.baselines import Metrics
from tune_spaces.space.settings_read import paths_read
from tune_spaces.study.verdicts.verdict import ResultRow
from tune_spaces.trial_state import TrialState

_ALWAYS = {  # the columns of every table, by path
    "loss/name": "loss",
    "weights/estimator": "estimator",
    "weights/alpha": "alpha",
    "weights/beta": "beta",
    "weights/temperature": "t",
}
_METHOD = ("loss/", "weights/")
_FORMS = {"weights/alpha": ".2f", "weights/beta": ".2f"}


def results_table(
    table: Sequence[ResultRow],
    best: ResultRow | None,
    metric: str,
    *,
    searched: Iterable[str] = (),
    baselines: Mapping[str, Metrics] | None = None,
) -> Table:
    """Return the table of a study, the champion marked.

    Args:
        table: the study's rows.
        best: its champion.
        metric: that the study maximises.
        searched: paths of what is searched; each has a column.
        baselines: metrics of what the trials are compared with, by name.
    """
    paths = list(dict.fromkeys([*_ALWAYS, *searched]))
    shown = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    shown.add_column("trial", no_wrap=True)
    for path in paths:
        justify = "left" if path in ("loss/name", "weights/estimator") else "right"
        header = _ALWAYS.get(path) or path.replace("/", "/\n")
        shown.add_column(header, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for name in ("relief", metric):
        shown.add_column(name, justify="right", no_wrap=True)
    for name in ("state", ""):
        shown.add_column(name, no_wrap=name != "")
    for row in table:
        style = "bold" if best is not None and row.key == best.key else ""
        state = Text(row.state, COLOURS.get(row.state, ""))
        note = Text("champion" if style else row.note, no_wrap=True, overflow="ellipsis")
        shown.add_row(*_cells(row, paths), state, note, style=style)
    for name, metrics in (baselines or {}).items():
        score = f"{metrics[metric]:.4f}" if metric in metrics else "-"
        cells = ["-", *[""] * len(paths), "", score, "-", name]
        shown.add_row(*cells, style="dim")
    return shown


def _cells(row: ResultRow, paths: Sequence[str]) -> list[str]:
    is_out = row.value is None or row.state == TrialState.FAILED  # it cannot be the best
    score = "-" if is_out else f"{row.value:.4f}"
    read = {*paths_read(row.config), "loss/name"}
    if row.config.loss.spec.has_estimator:
        read |= {path for path in paths if path.count("/") > 1} | {"weights/estimator"}
    values = [
        _text(path, value_at(row.config, path))
        if path in read or not path.startswith(_METHOD)
        else "-"
        for path in paths
    ]
    relief = "-" if row.relief is None else f"{row.relief:+.2f}"
    return [row.key, *values, relief, score]


def _text(path: str, value: object) -> str:
    if isinstance(value, float):
        return format(value, _FORMS.get(path, ".3g"))
    return str(value)
