"""Charts as what Plotly's script draws: plain JSON, with every text made harmless."""

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from softnce.secret import masked
from softnce.terminal.output import plain
from tune_spaces.report.figures.chart import Axis, Panel, Series

_MOST_MARKS = 400  # points of a line that each get a mark, and beyond which it is thin
_NARROW = 1.5  # ratio of the ends of a logarithmic axis, below which its numbers are evenly spaced
_LONGEST, _LONGEST_NOTE = 64, 400  # characters of a name in a legend or on an axis, and of a note
Json = dict[str, Any]


def panels_json(panels: Iterable[tuple[str, Panel]]) -> Json:
    """Return the panels of a page by their place in it.

    Args:
        panels: each with the id of its element.
    """
    return {name: panel_json(panel) for name, panel in panels}


def panel_json(panel: Panel) -> Json:
    """Return the data and the layout of one panel; its page adds the colours of text and lines."""
    data = [_surface(panel)] if panel.surface is not None else []
    data += [_trace(one) for one in panel.series]
    has_names = len(panel.series) > 1 and all(one.kind != "box" for one in panel.series)
    heights = [at for one in panel.series for at in (*one.y, *one.high)]
    top = max((at for at in heights if isinstance(at, int | float)), default=0.0)
    layout: Json = {
        "title": {"text": _short(panel.title), "font": {"size": 14}},
        "xaxis": _axis(panel.x, [value for one in panel.series for value in one.x]),
        "yaxis": _axis(panel.y, [value for one in panel.series for value in one.y]),
        "showlegend": has_names,
        "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"},
        "margin": {"l": 56, "r": 16, "t": 36 if panel.title else 12, "b": 44},
        "hovermode": "closest",
        "shapes": [_ruler(at, *ruler, top) for at, ruler in enumerate(panel.rulers)],
        "boxmode": "overlay",
    }
    return {"data": data, "layout": layout}


def harmless(text: str, longest: int | None = None) -> str:
    """Return a text as html that shows it as it is: no markup, no commands, no passwords.

    Args:
        text: of any origin.
        longest: number of characters that are left of it; all without.
    """
    text = plain(masked(text))
    if longest is not None and len(text) > longest:
        text = text[: longest - 1] + "…"
    return escape(text)


def _short(text: str) -> str:
    """Return a name for a legend or an axis; Plotly reads a little html, and quotes as they are."""
    return harmless(text, _LONGEST).replace("&quot;", '"').replace("&#x27;", "'")


def _trace(one: Series) -> Json:
    trace: Json = {
        "name": _short(one.name),
        "x": [_value(value) for value in one.x],
        "y": [_value(value) for value in one.y],
        "hovertext": [harmless(note, _LONGEST_NOTE) for note in one.notes],
        "hoverinfo": "text" if one.notes else "x+y",
    }
    return trace | _OF_KIND[one.kind](one)


def _line(one: Series) -> Json:
    shape, dash = "hv" if one.kind == "steps" else "linear", "dot" if one.is_open else "solid"
    is_dense = len(one.x) > _MOST_MARKS
    width = 0.5 if is_dense else 2
    found: Json = {
        "type": "scatter",
        "mode": "lines" if is_dense else "lines+markers",
        "line": {"color": one.hex_colour, "width": width, "shape": shape, "dash": dash},
        "marker": {"color": one.hex_colour, "size": 6},
    }
    return found | _interval(one)


def _points(one: Series) -> Json:
    mark = {
        "color": one.hex_colour,
        "size": 8,
        "symbol": "x" if one.is_open else "circle",
        "line": {"width": 1, "color": "#ffffff"},
    }
    return {"type": "scatter", "mode": "markers", "marker": mark} | _interval(one)


def _interval(one: Series) -> Json:
    if not one.low:
        return {}
    above = [high - float(y or 0) for high, y in zip(one.high, one.y, strict=True)]
    below = [float(y or 0) - low for low, y in zip(one.low, one.y, strict=True)]
    return {"error_y": {"type": "data", "symmetric": False, "array": above, "arrayminus": below}}


def _bars(one: Series) -> Json:
    return {"type": "bar", "orientation": "h", "marker": {"color": one.hex_colour}}


def _box(one: Series) -> Json:
    return {
        "type": "box",
        "boxpoints": "all",
        "jitter": 0.5,
        "pointpos": 0,
        "hoveron": "points",
        "marker": {"color": one.hex_colour, "size": 5, "opacity": 0.7},
        "line": {"width": 1.5},
        "fillcolor": "rgba(0,0,0,0)",
    }


_OF_KIND = {"line": _line, "steps": _line, "points": _points, "bars": _bars, "box": _box}


def _surface(panel: Panel) -> Json:
    found = panel.surface
    if found is None:
        return {}
    return {
        "type": "contour",
        "x": list(found.x),
        "y": list(found.y),
        "z": [list(row) for row in found.z],
        "colorscale": "Viridis",
        "ncontours": 12,
        "line": {"width": 0.5},
        "hoverinfo": "z",
        "colorbar": {"title": {"text": _short(found.label)}, "thickness": 10},
        "connectgaps": False,
    }


def _axis(axis: Axis, values: Sequence[float | str | None]) -> Json:
    found: Json = {"title": {"text": _short(axis.label)}, "automargin": True}
    numbers = [value for value in values if isinstance(value, int | float)]
    if axis.is_log and numbers and max(numbers) < _NARROW * min(numbers):
        return found | _narrow(min(numbers), max(numbers))
    if axis.is_log and numbers:
        ticks = log_ticks(min(numbers), max(numbers))
        return found | {
            "type": "log",
            "tickvals": ticks,
            "ticktext": [short_number(one) for one in ticks],
        }
    if axis.categories:
        names = [_short(name) for name in axis.categories]
        return found | {"type": "category", "categoryorder": "array", "categoryarray": names}
    if axis.is_whole and numbers:
        return found | {"dtick": max(1, math.ceil((max(numbers) - min(numbers)) / 10))}
    return found


def _narrow(low: float, high: float) -> Json:
    """Return the marks of an axis whose ends are near each other; one where they are the same."""
    if low == high:
        return {"tickvals": [low], "ticktext": [short_number(low)]}
    return {"nticks": 5, "tickformat": "~s" if low >= 1e4 else ""}  # s: 68m for 0.068


def log_ticks(low: float, high: float) -> list[float]:
    """Return round numbers around a range above 0: more of them where it is narrow.

    >>> log_ticks(0.3, 4), log_ticks(2, 6)
    ([0.2, 0.5, 1.0, 2.0, 5.0], [2.0, 3.0, 4.0, 6.0])
    """
    steps = (1, 2, 5) if high >= 10 * low else (1, 1.5, 2, 3, 4, 6, 8)
    powers = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 2)
    ticks = [float(f"{step}e{power}") for power in powers for step in steps]
    first = max((at for at, tick in enumerate(ticks) if tick <= low), default=0)
    last = min(at for at, tick in enumerate(ticks) if tick >= high)
    return ticks[first : last + 1]


def short_number(value: float) -> str:
    """Return a number in a few signs.

    >>> short_number(0.05), short_number(20_000), short_number(2e6)
    ('0.05', '20k', '2M')
    """
    for least, unit, letter in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if value >= least:
            return f"{value / unit:g}{letter}"
    return f"{value:g}"


def _ruler(number: int, name: str, height: float, top: float) -> Json:
    """Return a level line; the name of the highest thing of all stands below it, to be seen."""
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": height,
        "y1": height,
        "line": {"width": 1, "dash": "dash"},
        "label": {
            "text": _short(name),
            "yanchor": "top" if height >= top else "bottom",
            "textposition": "start" if number % 2 else "end",  # near lines share no place
            "font": {"size": 11},
        },
    }


def _value(value: float | str | None) -> float | str | None:
    if isinstance(value, str):
        return _short(value)
    return None if value is None or not math.isfinite(value) else value
