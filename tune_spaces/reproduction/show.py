"""A reproduced table as a person and as a program reads it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from softnce.evidence.paired import PairedGain
from tune_spaces.reproduction.outcome import Line, PaperComparison
from tune_spaces.reproduction.paper import BASELINE_ROW
from tune_spaces.tracking.markdown import plain
from tune_spaces.tracking.markdown import table as markdown_table

_NONE = "-"
_WIDEST = "our gain (95 %)"  # may take two lines, so that no number is cut
_SHOWN_RANKS = (1, 2, 3, 5, 10, 20, 31, 63)
_RANK = "rank of the negative"
_GAP = "Gap: ours minus the paper's. "
_GAINS = (
    "Gains: over InfoNCE; 95 % intervals over seeds and queries, not corrected for the number of "
    "lines."
)


def shown(comparison: PaperComparison) -> Table:
    """Return a table of the lines, the paper's numbers beside ours."""
    table = _bare_table()
    table.title = comparison.request.title
    table.add_column("")
    columns, cells = _columns(comparison)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=name != _WIDEST)
    for line in comparison.lines:
        table.add_row(line.name, *cells(line))
    return table


def shown_curves(comparison: PaperComparison) -> Table:
    """Return a table of a figure's weights, at some of the ranks."""
    table = curve_rows(comparison.curves, _SHOWN_RANKS)
    table.title = comparison.request.title
    return table


def sentences(comparison: PaperComparison) -> list[str]:
    """Say what has to be known about a table besides its numbers."""
    request, found = comparison.request, []
    if request.protocol.unit == "mrr":
        found.append(_GAINS if request.protocol.curve else _GAP + _GAINS)
    if request.protocol.said:
        found.append(f"{request.protocol.said}.")
    if request.table == "table2":
        found.append(
            "The paper's Table 2 has averages over six languages, in the column 'paper, six'; the "
            f"column 'paper' has {request.language} alone, from its Table 5."
        )
    whole = len(comparison.seeds) * len(comparison.lines)
    complete = sum(line.complete for line in comparison.lines)
    if complete < whole:
        found.append(f"{complete} of {whole} trials are complete.")
    found += [f"{line.name}: {line.failed}" for line in comparison.lines if line.failed]
    found += [f"{one}." for one in comparison.differences]
    if comparison.reservations:
        found.append(f"Not comparable: {'; '.join(comparison.reservations)}.")
    return [one[0].upper() + one[1:] for one in found]


def as_markdown(comparison: PaperComparison) -> str:
    """Return a comparison for the page of its study."""
    request = comparison.request
    parts = [f"### {plain(request.title)}"]
    if request.protocol.unit != "weight":
        columns, cells = _columns(comparison)
        rows = [[line.name, *cells(line)] for line in comparison.lines]
        parts.append(markdown_table(["", *columns], rows, numbers=len(columns)))
    if curves := comparison.curves:
        rows = _at_ranks(curves, _SHOWN_RANKS)
        parts.append(markdown_table([_RANK, *curves], rows, numbers=1 + len(curves)))
    parts += [plain(one) for one in sentences(comparison)]
    return "\n\n".join(parts)


def as_facts(comparison: PaperComparison) -> dict[str, Any]:
    """Return a comparison as plain values, for JSON."""
    request = comparison.request
    return {
        "table": request.table,
        "title": request.protocol.title,
        "language": request.language,
        "model": request.model,
        "scale": request.scale,
        "unit": request.protocol.unit,
        "is_comparable": not comparison.reservations,
        "reservations": list(comparison.reservations),
        "differences": list(comparison.differences),
        "seeds": list(comparison.seeds),
        "lines": [_facts(line) for line in comparison.lines],
        "curves": {name: list(curve) for name, curve in comparison.curves.items()},
        "study": str(comparison.study),
    }


def _facts(line: Line) -> dict[str, Any]:
    gain = line.gain
    return {
        "key": line.key,
        "name": line.name,
        "paper": line.paper,
        "paper_average": line.paper_average,
        "ours": line.mean,
        "by_seed": list(line.by_seed),
        "complete": line.complete,
        "deviation": line.spread,
        "gap": line.gap,
        "paper_gain": line.paper_gain,
        "our_gain": None if gain is None else gain.mean,
        "our_gain_low": _finite(gain.low) if gain else None,
        "our_gain_high": _finite(gain.high) if gain else None,
        "p_value": gain.p_value if gain else None,
        "failed": line.failed,
    }


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _columns(comparison: PaperComparison) -> tuple[Sequence[str], Any]:
    protocol = comparison.request.protocol
    if protocol.unit == "seconds":
        plain = next((one for one in comparison.lines if one.key == BASELINE_ROW), None)

        def timed(line: Line) -> list[str]:
            return [
                _number(line.paper, ".2f"),
                _over(line.paper, plain.paper if plain else None),
                _number(line.mean, ".4f"),
                _number(line.spread, ".4f"),
                _over(line.mean, plain.mean if plain else None),
            ]

        return ("paper, s", "over InfoNCE", "ours, s", "sd", "over InfoNCE"), timed
    names = ["paper", "ours", "sd", "gap", "paper's gain", _WIDEST]
    if comparison.request.table == "table2":
        names.insert(0, "paper, six")
    if protocol.curve:  # a figure, of which nothing is printed
        names = ["ours", "sd", _WIDEST]

    def scored(line: Line) -> list[str]:
        cells = {
            "paper, six": _number(line.paper_average, ".3f"),
            "paper": _number(line.paper, ".3f"),
            "ours": _number(line.mean, ".4f"),
            "sd": _number(line.spread, ".4f"),
            "gap": _number(line.gap, "+.4f"),
            "paper's gain": _number(line.paper_gain, "+.3f"),
            _WIDEST: _interval(line.gain),
        }
        return [cells[name] for name in names]

    return names, scored


def _number(value: float | None, form: str) -> str:
    return _NONE if value is None else format(value, form)


def _over(value: float | None, plain: float | None) -> str:
    return _NONE if value is None or not plain else f"{value / plain - 1:+.1%}"


def _interval(gain: PairedGain | None) -> str:
    if gain is None:
        return _NONE
    if math.isinf(gain.low):
        return f"{gain.mean:+.4f}"
    return f"{gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"


def curve_rows(curves: Mapping[str, Sequence[float]], ranks: Sequence[int]) -> Table:
    """Return a table of curves at some of their places.

    Args:
        curves: by name.
        ranks: places from 1; those beyond a curve's end are left out.
    """
    table = _bare_table()
    for name in (_RANK, *curves):
        table.add_column(name, justify="right")
    for row in _at_ranks(curves, ranks):
        table.add_row(*row)
    return table


def _at_ranks(curves: Mapping[str, Sequence[float]], ranks: Sequence[int]) -> list[list[str]]:
    shortest = min((len(curve) for curve in curves.values()), default=0)
    return [
        [str(rank), *(f"{curve[rank - 1]:.3f}" for curve in curves.values())]
        for rank in ranks
        if rank <= shortest
    ]


def _bare_table() -> Table:
    return Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
