"""A figure as plain values: what is drawn, apart from what draws it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["line", "steps", "points", "bars", "box"]
PALETTE = (  # of Okabe and Ito: told apart by all eyes, on white and on black
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#8a8a8a",
)  # fmt: skip
STOPPED = len(PALETTE) - 1  # the colour of what was stopped early


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a panel.

    Attributes:
        label: what it measures, with its unit.
        is_log: whether equal ratios are equally far apart.
        is_whole: whether only whole numbers are marked on it.
        categories: names in order, where it has words instead of numbers.
    """

    label: str
    is_log: bool = False
    is_whole: bool = False
    categories: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one colour, with one entry in the legend.

    Attributes:
        name: in the legend; of a box its place on the axis as well.
        kind: how they are drawn; bars lie, with their names on the y axis.
        x: numbers, or categories.
        y: numbers, or categories; None breaks a line.
        colour: index into the palette, from its start again beyond its end.
        low: lower end of each point's interval; empty without.
        high: upper end.
        notes: what each point tells of itself; empty without.
        is_open: whether its marks are open: crosses instead of discs, dashes instead of lines.
    """

    name: str
    kind: Kind
    x: Sequence[float | str | None]
    y: Sequence[float | str | None]
    colour: int = 0
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    notes: Sequence[str] = ()
    is_open: bool = False

    @property
    def hex_colour(self) -> str:
        """The colour as #rrggbb."""
        return PALETTE[self.colour % len(PALETTE)]


@dataclass(frozen=True, slots=True)
class Surface:
    """A height over a grid.

    Attributes:
        label: of the height.
        x: positions of the columns.
        y: positions of the rows.
        z: (rows, columns) heights; None where nothing is known.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    z: Sequence[Sequence[float | None]]


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes.

    Attributes:
        x: the lower axis.
        y: the left axis.
        series: what is drawn on them, first things lowest.
        title: empty where the chart's own says all.
        surface: drawn below all series.
        rulers: level lines by name, at a height each.
    """

    x: Axis
    y: Axis
    series: Sequence[Series]
    title: str = ""
    surface: Surface | None = None
    rulers: Sequence[tuple[str, float]] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure of a study.

    Attributes:
        name: of its files, without their endings.
        title: in a few words.
        caption: how to read it, in a sentence or two.
        panels: side by side where there is room; empty where there is nothing to draw.
        missing: why there is nothing to draw; empty where there is.
    """

    name: str
    title: str
    caption: str
    panels: Sequence[Panel] = ()
    missing: str = ""
