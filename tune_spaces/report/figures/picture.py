"""Charts as png, for those who cannot run a page: in a readme, a paper, a terminal's viewer."""

import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from softnce.secret import masked
from softnce.terminal.output import plain
from tune_spaces.report.figures.chart import Axis, Chart, Panel, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH, _HEIGHT, _DOTS = 6.2, 4.2, 120  # of a panel, in inches and dots an inch
_LONGEST = 48


def picture(chart: Chart) -> bytes:
    """Draw a chart, its panels side by side, as a png.

    Args:
        chart: with one panel or more.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = (_WIDTH * len(chart.panels), _HEIGHT)
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figure.suptitle(_shown(chart.title), fontsize=12, parse_math=False)
    places = figure.subplots(1, len(chart.panels), squeeze=False)[0]
    for axes, panel in zip(places, chart.panels, strict=True):
        _draw(axes, panel)
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a script that the fonts of here lack
        figure.savefig(content, format="png", dpi=_DOTS)
    return content.getvalue()


def _draw(axes: "Axes", panel: Panel) -> None:
    axes.set_title(_shown(panel.title), fontsize=10, parse_math=False)
    if panel.surface is not None:
        heights = np.array(panel.surface.z, dtype=float)
        filled = axes.contourf(panel.surface.x, panel.surface.y, heights, levels=12)
        bar = axes.figure.colorbar(filled, ax=axes)
        bar.set_label(_shown(panel.surface.label), parse_math=False)
    for one in panel.series:
        _DRAWN_BY[one.kind](axes, panel, one)
    for number, (name, height) in enumerate(panel.rulers):
        axes.axhline(height, color="#555555", linewidth=0.8, linestyle="--")
        at, side = (0.01, "left") if number % 2 else (0.99, "right")  # near lines share no place
        place: dict[str, Any] = {"ha": side, "va": "bottom", "fontsize": 8, "parse_math": False}
        axes.text(at, height, _shown(name), transform=axes.get_yaxis_transform(), **place)
    _scale(axes, "x", panel.x)
    _scale(axes, "y", panel.y)
    axes.grid(visible=True, alpha=0.3)
    names = [one for one in panel.series if one.kind != "box"]
    if len(names) > 1:
        legend = axes.legend(fontsize=8)
        for text in legend.get_texts():
            text.set_parse_math(False)


def _line(axes: "Axes", panel: Panel, one: Series) -> None:
    style: dict[str, Any] = {"color": one.hex_colour, "linestyle": ":" if one.is_open else "-"}
    if one.kind == "steps":
        style["drawstyle"] = "steps-post"
    x, y = _numbers(panel.x, one.x), _numbers(panel.y, one.y)
    axes.plot(x, y, marker=".", label=_shown(one.name), **style)
    if one.low:
        reach = [y - np.array(one.low), np.array(one.high) - y]
        axes.errorbar(x, y, yerr=reach, fmt="none", ecolor=one.hex_colour, capsize=3)


def _points(axes: "Axes", panel: Panel, one: Series) -> None:
    x, y = _numbers(panel.x, one.x), _numbers(panel.y, one.y)
    mark = "x" if one.is_open else "o"
    axes.scatter(x, y, c=one.hex_colour, marker=mark, s=28, label=_shown(one.name), zorder=3)


def _bars(axes: "Axes", panel: Panel, one: Series) -> None:
    axes.barh(_numbers(panel.y, one.y), _numbers(panel.x, one.x), color=one.hex_colour)


def _box(axes: "Axes", panel: Panel, one: Series) -> None:
    place = panel.x.categories.index(one.name)
    values = _numbers(panel.y, one.y)
    axes.boxplot([values], positions=[place], widths=0.5, manage_ticks=False, showfliers=False)
    spread = np.random.default_rng(0).uniform(-0.15, 0.15, len(values))
    axes.scatter(place + spread, values, c=one.hex_colour, s=14, alpha=0.7, zorder=3)


_DRAWN_BY = {"line": _line, "steps": _line, "points": _points, "bars": _bars, "box": _box}


def _scale(axes: "Axes", name: str, axis: Axis) -> None:
    getattr(axes, f"set_{name}label")(_shown(axis.label), parse_math=False)
    if axis.is_whole:
        getattr(axes, f"{name}axis").get_major_locator().set_params(integer=True)
    if axis.is_log:
        getattr(axes, f"set_{name}scale")("log")
    if axis.categories:
        labels = [_shown(one) for one in axis.categories]
        turned = {"rotation": 25, "ha": "right"} if name == "x" else {}
        set_ticks = getattr(axes, f"set_{name}ticks")
        set_ticks(range(len(labels)), labels, fontsize=8, parse_math=False, **turned)


def _numbers(axis: Axis, values: Any) -> np.ndarray:  # noqa: ANN401  (numbers or categories)
    """Return positions: those of categories are their places, gaps are NaN."""
    if axis.categories:
        return np.array([axis.categories.index(value) for value in values], dtype=float)
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _shown(text: str) -> str:
    text = plain(masked(text))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
