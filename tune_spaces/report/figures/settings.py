"""What the searched settings did: their importance, the losses compared, ratio and temperature."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tune_spaces.report.facts import StudyFacts
from tune_spaces.report.figures.chart import Axis, Chart, Panel, Series, Surface
from tune_spaces.report.figures.families import colours, families, note
from tune_spaces.space.settings_read import paths_read
from tune_spaces.study.verdicts.verdict import ResultRow, eligible

_FEWEST_POINTS = 5  # complete trials of an estimator, below which no height is drawn between them
_ON_A_SIDE = 40  # of the grid of heights
_REACH = 0.18  # of the bell that a trial has around it, as a share of each side
_LEAST_WEIGHT = 0.05  # of all bells together, below which nothing is known of a place
_RATIO = ("weights/alpha", "weights/beta", "weights/temperature")


def importances(facts: StudyFacts) -> Chart:
    """Draw the importance of each searched setting as a bar."""
    title, name, found = "Importance of the settings", "importance", facts.importance
    caption = (
        f"By PED-ANOVA: what sets the best {found.best} of {found.trials} complete trials apart "
        "from all of them; the bars are 1 together."
    )
    if not found.of_settings:
        few = f"It cannot be told: {found.trials} trials have completed, and 10 are needed."
        why = few if found.is_too_little else "Fewer than two settings are searched."
        return Chart(name, title, "By PED-ANOVA over the complete trials.", missing=why)
    paths = list(found.of_settings)[::-1]  # the largest on top
    shares = [found.of_settings[path] for path in paths]
    notes = [f"{path}: {share:.2f}" for path, share in zip(paths, shares, strict=True)]
    bars = Series("importance", "bars", shares, paths, notes=notes)
    return Chart(name, title, caption, [Panel(Axis("share"), Axis("", categories=paths), [bars])])


def losses_compared(facts: StudyFacts) -> Chart:
    """Draw the complete trials of each loss and estimator as a box with its points."""
    title, name = "By loss and estimator", "by-loss"
    caption = (
        f"Validation {facts.metric} of every complete trial. The box holds the middle half, its "
        "line is the median. Boxes of many tries reach higher by luck alone."
    )
    shade, boxes = colours(facts.table), []
    for loss, members in families(eligible(facts.table)).items():
        for label, rows in _by_estimator(loss, members).items():
            values = [row.value for row in rows]
            notes = [note(row) for row in rows]
            places = [label] * len(rows)
            boxes.append(Series(label, "box", places, values, shade[loss], notes=notes))
    if not boxes:
        return Chart(name, title, caption, missing="No trial has completed yet.")
    across = Axis("", categories=[one.name for one in boxes])
    return Chart(name, title, caption, [Panel(across, Axis(facts.metric), boxes)])


def ratio_and_temperature(facts: StudyFacts) -> Chart:
    """Draw, for each estimator, the metric over the ratio of alpha and beta and the temperature."""
    title, name = "Ratio and temperature of the weights", "ratio-temperature"
    caption = (
        f"Validation {facts.metric} over alpha / beta (only their ratio matters) and the "
        "temperature of the weights, one panel for each estimator; each point is a complete trial, "
        "and the shade a mean of those near it, whatever else differs between them."
    )
    groups: dict[str, list[ResultRow]] = {}
    for row in eligible(facts.table):
        weights = row.config.weights
        if set(_RATIO) <= paths_read(row.config) and min(weights.alpha, weights.beta) > 0:
            groups.setdefault(weights.estimator, []).append(row)
    panels = [_over_both(facts, estimator, rows) for estimator, rows in groups.items()]
    if not panels:
        why = "No trial whose loss reads alpha, beta and the temperature has completed yet."
        return Chart(name, title, caption, missing=why)
    return Chart(name, title, caption, panels)


def _by_estimator(loss: str, members: Sequence[ResultRow]) -> dict[str, list[ResultRow]]:
    found: dict[str, list[ResultRow]] = {}
    for row in members:
        has_estimator = row.config.loss.spec.has_estimator
        label = f"{loss}, {row.config.weights.estimator}" if has_estimator else loss
        found.setdefault(label, []).append(row)
    return found


def _over_both(facts: StudyFacts, estimator: str, rows: Sequence[ResultRow]) -> Panel:
    ratios = [row.config.weights.alpha / row.config.weights.beta for row in rows]
    temperatures = [row.config.weights.temperature for row in rows]
    values = [row.value or 0.0 for row in rows]
    points = Series(
        "trials", "points", ratios, temperatures, colour=7, notes=[note(row) for row in rows]
    )
    surface = None
    if len(rows) >= _FEWEST_POINTS and len(set(ratios)) > 1 and len(set(temperatures)) > 1:
        surface = _smoothed(facts.metric, ratios, temperatures, values)
    x, y = Axis("alpha / beta", is_log=True), Axis("temperature of the weights", is_log=True)
    return Panel(x, y, [points], title=estimator, surface=surface)


def _smoothed(
    label: str, x: Sequence[float], y: Sequence[float], values: Sequence[float]
) -> Surface:
    """Return the mean of the values around each place of a grid, on logarithmic axes."""
    across, up = _grid(x), _grid(y)
    apart_x = (across[:, None] - np.log(x)) / (np.ptp(across) * _REACH)
    apart_y = (up[:, None] - np.log(y)) / (np.ptp(up) * _REACH)
    bells_x, bells_y = np.exp(-(apart_x**2) / 2), np.exp(-(apart_y**2) / 2)
    weights = np.einsum("ip,jp->ijp", bells_y, bells_x)
    total = weights.sum(axis=2)
    heights = weights @ np.array(values) / np.maximum(total, math.ulp(0.0))
    heights[total < _LEAST_WEIGHT] = math.nan
    known = [[None if math.isnan(z) else float(z) for z in row] for row in heights]
    return Surface(label, np.exp(across).tolist(), np.exp(up).tolist(), known)


def _grid(values: Sequence[float]) -> NDArray[np.float64]:
    return np.linspace(math.log(min(values)), math.log(max(values)), _ON_A_SIDE)
