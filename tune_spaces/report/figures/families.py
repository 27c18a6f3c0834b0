"""How the trials of a study are grouped and named in all its figures."""

from collections.abc import Sequence

from softnce.losses.table import BASELINE
from tune_spaces.report.figures.chart import STOPPED
from tune_spaces.study.verdicts.verdict import ResultRow, described


def families(table: Sequence[ResultRow]) -> dict[str, list[ResultRow]]:
    """Return the rows by their loss: InfoNCE first, the others as they were first tried."""
    found: dict[str, list[ResultRow]] = {BASELINE: []}
    for row in table:
        found.setdefault(row.config.loss.name, []).append(row)
    return {name: rows for name, rows in found.items() if rows}


def colours(table: Sequence[ResultRow]) -> dict[str, int]:
    """Return the colour of each loss, the same in all figures of a study."""
    others = [name for name in families(table) if name != BASELINE]
    return {BASELINE: 0} | {name: 1 + at % (STOPPED - 1) for at, name in enumerate(others)}


def note(row: ResultRow) -> str:
    """Return what a point tells of its trial."""
    value = "no value" if row.value is None else f"{row.value:.4f}"
    return f"{row.key}: {value}, {row.state}; {described(row.config)}"
