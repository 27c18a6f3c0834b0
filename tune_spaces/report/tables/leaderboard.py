"""The trials of a study as cells: what each setting was, as far as the trial read it."""

from collections.abc import Iterable, Sequence

from softnce.config.file import value_at
from tune_spaces.report.facts import StudyFacts
from tune_spaces.report.tables.grid import Cell, Grid
from tune_spaces.space.settings_read import paths_read
from tune_spaces.study.verdicts.verdict import ResultRow
from tune_spaces.trial_state import TrialState

ALWAYS = {  # the columns of every table, by path
    "loss/name": "loss",
    "weights/estimator": "estimator",
    "weights/alpha": "alpha",
    "weights/beta": "beta",
    "weights/temperature": "t",
}
NAMES = ("loss/name", "weights/estimator")  # columns that hold words
_METHOD = ("loss/", "weights/")
_FORMS = {"weights/alpha": ".2f", "weights/beta": ".2f"}


def setting_columns(searched: Iterable[str]) -> dict[str, str]:
    """Return the columns of settings: their headers by path.

    Args:
        searched: paths of what is searched; each has a column.
    """
    return ALWAYS | {path: path for path in searched if path not in ALWAYS}


def cells(row: ResultRow, paths: Sequence[str]) -> list[str]:
    """Return a trial's key, its settings, its relief and its metric.

    Args:
        row: the trial.
        paths: of the settings; one that the trial did not read is a dash.
    """
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


def best_first(table: Sequence[ResultRow]) -> list[ResultRow]:
    """Return the trials with the best first: complete ones, then what ended otherwise."""

    def rank(row: ResultRow) -> tuple[bool, bool, float]:
        is_complete = row.state == TrialState.COMPLETE
        return (not is_complete, not row.is_feasible, -(row.value or 0.0))

    return sorted(table, key=rank)


def leaderboard(facts: StudyFacts, most: int | None = None) -> Grid:
    """Return the trials of a study, the best first, and below them what they are compared with.

    Args:
        facts: the study.
        most: how many trials at most; all without.
    """
    columns = setting_columns(facts.config.search.space)
    ranked, best = best_first(facts.table)[:most], facts.best
    found = [
        [*map(Cell, cells(row, list(columns))), Cell(str(row.state)), Cell(row.note)]
        for row in ranked
    ]
    for name, metrics in facts.baselines.items():
        score = f"{metrics[facts.metric]:.4f}" if facts.metric in metrics else "-"
        texts = [name, *[""] * len(columns), "", score, "", ""]
        found.append(list(map(Cell, texts)))
    words = {at for at, path in enumerate(columns, start=1) if path in NAMES}
    numbers = frozenset(set(range(1, len(columns) + 3)) - words)
    is_led = best is not None and bool(ranked) and ranked[0].key == best.key
    left = len(facts.table) - len(ranked)
    more = f"; {left:,} more trials are left out" if left else ""
    return Grid(
        caption=f"Trials of study {facts.name}, validation {facts.metric}{more}.",
        headers=["trial", *columns.values(), "relief", facts.metric, "state", "note"],
        rows=found,
        numeric=numbers,
        best=0 if is_led else None,
    )


def _text(path: str, value: object) -> str:
    if isinstance(value, float):
        return format(value, _FORMS.get(path, ".3g"))
    return str(value)
