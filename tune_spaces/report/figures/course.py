"""How a search went: the best of each loss as trials ended, and the epochs of every trial."""

from collections.abc import Sequence

from tune_spaces.report.facts import StudyFacts
from tune_spaces.report.figures.chart import STOPPED, Axis, Chart, Panel, Series
from tune_spaces.report.figures.families import colours, families, note
from tune_spaces.study.verdicts.verdict import ResultRow, eligible
from tune_spaces.trial_state import TrialState

_REACH = 2.0  # heights of all curves, beyond which a ruler is left out
_NOTHING_YET = "No trial has completed yet."


def best_so_far(facts: StudyFacts) -> Chart:
    """Draw the best metric of each loss over the trials of a study."""
    title, name = "Best so far, by loss", "best-so-far"
    caption = (
        f"The best validation {facts.metric} that each loss had reached after so many trials of "
        f"the study. A lead here is the luck of one seed and of many tries.{_beside(facts)}"
    )
    counted = {row.key for row in eligible(facts.table)}
    number = {row.key: at for at, row in enumerate(facts.table, start=1)}
    shade = colours(facts.table)
    series = []
    for loss, members in families(facts.table).items():
        risen = _rising([row for row in members if row.key in counted])
        if not risen:
            continue
        places = [number[row.key] for row in risen] + [len(facts.table)]
        heights = [row.value for row in risen] + [risen[-1].value]
        notes = [note(row) for row in risen] + [note(risen[-1])]
        series.append(Series(loss, "steps", places, heights, shade[loss], notes=notes))
    if not series:
        return Chart(name, title, caption, missing=_NOTHING_YET)
    reached = [value for one in series for value in one.y if isinstance(value, float)]
    rulers = _rulers(facts, min(reached), max(reached))
    x, y = Axis("trials", is_whole=True), Axis(f"best {facts.metric}")
    panel = Panel(x, y, series, rulers=rulers)
    return Chart(name, title, caption, [panel])


def learning_curves(facts: StudyFacts) -> Chart:
    """Draw the epochs of every trial, and mark where trials were stopped early."""
    title, name = "Learning curves", "learning-curves"
    caption = (
        f"The best validation {facts.metric} so far in each epoch of every trial. A cross marks "
        "where a trial was stopped early because it trailed."
    )
    shade = colours(facts.table)
    series = [
        _curves(facts, loss, members, shade[loss])
        for loss, members in families(facts.table).items()
    ]
    series = [one for one in series if one.x]
    if not series:
        return Chart(name, title, caption, missing="No trial has finished an epoch yet.")
    ends = [(row, facts.curves[row.key]) for row in facts.table if _is_stopped(facts, row)]
    if ends:
        places, heights = (
            [max(curve) for _, curve in ends],
            [curve[max(curve)] for _, curve in ends],
        )
        notes = [note(row) for row, _ in ends]
        series.append(
            Series("stopped early", "points", places, heights, STOPPED, notes=notes, is_open=True)
        )
    return Chart(
        name, title, caption, [Panel(Axis("epoch", is_whole=True), Axis(facts.metric), series)]
    )


def _rising(rows: Sequence[ResultRow]) -> list[ResultRow]:
    """Return the rows that were the best so far when they came."""
    risen: list[ResultRow] = []
    for row in rows:
        if row.value is not None and (not risen or row.value > (risen[-1].value or 0.0)):
            risen.append(row)
    return risen


def _known(facts: StudyFacts) -> dict[str, float]:
    known = facts.baselines.items()
    return {name: found[facts.metric] for name, found in known if facts.metric in found}


def _beside(facts: StudyFacts) -> str:
    told = ", ".join(f"{name} {value:.4f}" for name, value in _known(facts).items())
    return f" Beside them: {told}." if told else ""


def _rulers(facts: StudyFacts, low: float, high: float) -> list[tuple[str, float]]:
    """Return what the trials are compared with, unless it is so far off that it flattens them."""
    reach = _REACH * (high - low)
    found = _known(facts).items()
    return [(name, at) for name, at in found if low - reach <= at <= high + reach]


def _is_stopped(facts: StudyFacts, row: ResultRow) -> bool:
    return row.state == TrialState.PRUNED and bool(facts.curves.get(row.key))


def _curves(facts: StudyFacts, loss: str, members: Sequence[ResultRow], colour: int) -> Series:
    """Return the curves of all trials of a loss as one line with gaps."""
    x: list[float | None] = []
    y: list[float | None] = []
    notes: list[str] = []
    for row in members:
        curve = facts.curves.get(row.key, {})
        if not curve:
            continue
        epochs = sorted(curve)
        x += [*epochs, None]
        y += [*(curve[epoch] for epoch in epochs), None]
        notes += [note(row)] * (len(epochs) + 1)
    return Series(loss, "line", x, y, colour, notes=notes)
