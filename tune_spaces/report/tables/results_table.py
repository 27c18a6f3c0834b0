"""The table of a study in a terminal: as many settings as there is room for, the rest named."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from tune_spaces.live.display import COLOURS
from tune_spaces.preparation.baselines import UNTRAINED, Metrics
from tune_spaces.report.tables.leaderboard import NAMES, best_first, cells, setting_columns
from tune_spaces.study.verdicts.verdict import ResultRow

_LEAST_NOTE = 9  # columns that the note keeps, at least
_SHORT = {UNTRAINED: "untrained"}  # names of baselines where there is no room for the whole
_MOST_ROWS = 100


@dataclass(frozen=True, slots=True)
class ShownTable:
    """A table, and what is not in it.

    Attributes:
        table: for a console.
        left_out: paths of the settings for which there is no room.
        rows_left_out: number of trials, none of the best.
    """

    table: Table
    left_out: Sequence[str]
    rows_left_out: int


def results_table(
    table: Sequence[ResultRow],
    best: ResultRow | None,
    metric: str,
    *,
    searched: Iterable[str] = (),
    baselines: Mapping[str, Metrics] | None = None,
    width: int | None = None,
) -> ShownTable:
    """Return the table of a study, the champion marked.

    Args:
        table: the study's rows.
        best: its champion.
        metric: that the study maximises.
        searched: paths of what is searched; each has a column where there is room.
        baselines: metrics of what the trials are compared with, by name.
        width: of the place where it is shown, in columns; any without.
    """
    kept = {row.key for row in best_first(table)[:_MOST_ROWS]}
    shown_rows = [row for row in table if row.key in kept]
    columns = setting_columns(searched)
    known = {row.key: cells(row, list(columns)) for row in shown_rows}
    states = [row.state for row in shown_rows]
    paths, room = _fitting(columns, list(known.values()), states, width)
    places = [0, *(at for at, path in enumerate(columns, 1) if path in paths), -2, -1]
    found = _empty_table(paths, columns, metric)
    for row in shown_rows:
        style = "bold" if best is not None and row.key == best.key else ""
        state = Text(row.state, COLOURS.get(row.state, ""))
        note = _note("champion" if style else row.note)
        found.add_row(*(known[row.key][at] for at in places), state, note, style=style)
    for name, metrics in (baselines or {}).items():
        score = f"{metrics[metric]:.4f}" if metric in metrics else "-"
        shown = name if room is None or cell_len(name) <= room else _SHORT.get(name, name)
        found.add_row("-", *[""] * len(paths), "", score, "-", _note(shown), style="dim")
    left_out = [path for path in columns if path not in paths]
    return ShownTable(found, left_out, len(table) - len(shown_rows))


def _note(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")


def _empty_table(paths: Sequence[str], columns: Mapping[str, str], metric: str) -> Table:
    shown = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    shown.add_column("trial", no_wrap=True)
    for path in paths:
        header = columns[path].replace("/", "/\n")
        shown.add_column(header, justify="left" if path in NAMES else "right", no_wrap=True)
    for name in ("relief", metric):
        shown.add_column(name, justify="right", no_wrap=True)
    for name in ("state", ""):
        shown.add_column(name, no_wrap=name != "")
    return shown


def _fitting(
    columns: Mapping[str, str],
    rows: Sequence[Sequence[str]],
    states: Sequence[str],
    width: int | None,
) -> tuple[list[str], int | None]:
    """Return the settings that there is room for, and the columns that are left for the note.

    Settings that tell trials apart come first.
    """
    if width is None:
        return list(columns), None
    values = {path: [row[at] for row in rows] for at, path in enumerate(columns, start=1)}
    widths = {path: _width(columns[path].split("/"), values[path]) for path in columns}
    room = (
        width
        - _LEAST_NOTE
        - sum(
            _width([name], found)
            for name, found in (
                ("t0000", [row[0] for row in rows]),
                ("relief", []),
                ("0.0000", [row[-1] for row in rows]),
                ("state", list(states)),
            )
        )
    )
    chosen: set[str] = set()
    for path in sorted(columns, key=lambda path: _rank(path, values[path])):
        if widths[path] <= room:
            room -= widths[path]
            chosen.add(path)
    return [path for path in columns if path in chosen], room + _LEAST_NOTE


def _rank(path: str, values: Sequence[str]) -> tuple[bool, bool]:
    """Rank names first, then what differs between trials, then what does not."""
    return path not in NAMES, len({*values} - {"-"}) < 2


def _width(headers: Sequence[str], values: Sequence[str]) -> int:
    return 1 + max(map(cell_len, (*headers, *values)))
