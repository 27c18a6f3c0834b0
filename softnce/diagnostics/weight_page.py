"""Shows what estimators do: a picture, a page with the picture inside, tables for a terminal."""

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from softnce.diagnostics.human_agreement import Agreement
from softnce.diagnostics.weight_analysis import View
from softnce.errors import DataError
from softnce.whole_files import write_bytes, write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.table import Table

PAGE, PICTURE = "weights.html", "weights.png"
_SCORES = {"standardised": "score / standard deviation", "raw": "score"}
_CODE_LENGTH = 400  # characters of a function on the page
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem .6rem;text-align:left;"
    "vertical-align:top;border-bottom:1px solid #ccc}pre{margin:0;white-space:pre-wrap;"
    "font-size:12px}img{max-width:100%}"
)
Rows = list[tuple[str, ...]]


def picture(views: Sequence[View]) -> bytes:
    """Draw the distributions of scores and weights of each estimator, as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 2.4 * len(views) + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(views), 2, squeeze=False)
    for (left, right), view in zip(axes, views, strict=True):
        _histogram(left, view.scores, f"{view.name}: scores of the negatives")
        _histogram(right, view.weights, f"{view.name}: their weights")
        right.axvline(1.0, color="black", linewidth=0.8, linestyle="--")
    axes[-1][0].set_xlabel(_SCORES[views[-1].scale])
    axes[-1][1].set_xlabel("weight (1: InfoNCE)")
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    return content.getvalue()


def _histogram(axes: "Axes", values: np.ndarray, title: str) -> None:
    axes.hist(values, bins=60, log=True, color="#3b6ea5")
    axes.set_title(title.replace("$", r"\$"), fontsize=10)  # a name, no formula
    axes.set_ylabel("pairs")


def summary_rows(views: Sequence[View]) -> Rows:
    """Return name, standard deviation of the weights, share below a half, least and largest."""
    return [
        (
            view.name,
            f"{view.weights.std():.3f}",
            f"{(view.weights < 0.5).mean():.2%}",
            f"{view.weights.min():.3f}",
            f"{view.weights.max():.3f}",
        )
        for view in views
    ]


def suspect_rows(view: View, most: int) -> Rows:
    """Return weight, share of blame, the query, and the query and function turned down."""
    return [
        (f"{one.weight:.2f}", f"{one.share:.2f}", one.query, one.other, one.code)
        for one in view.suspects[:most]
    ]


def agreement_rows(agreements: Iterable[Agreement]) -> Rows:
    """Return estimator, what was compared, both AUCs with their error, and the counts."""
    return [
        (
            one.estimator,
            f"query - {one.compared}",
            f"{one.score:.3f}",
            f"{one.rank:.3f}",
            f"{one.error:.3f}",
            f"{one.pairs[0]} / {one.pairs[1]}",
        )
        for one in agreements
    ]


SUMMARY = ("estimator", "weights' deviation", "below a half", "least", "largest")
SUSPECTS = ("weight", "share", "query", "the negative's query", "its code")
AGREEMENT = ("estimator", "compared", "AUC, score", "AUC, rank", "error", "true / label 0")
QUESTION = "Do the estimators tell true pairs from those that people called wrong (AUC 0.5: no)?"


def write_page(
    out: Path, name: str, views: Sequence[View], agreements: Sequence[Agreement], *, most: int
) -> None:
    """Write the picture and a page that holds it and all tables; texts are escaped.

    Raises:
        DataError: the folder cannot be written.
    """
    image = picture(views)
    parts = [_table(SUMMARY, summary_rows(views))]
    for view in views:
        parts.append(f"<h2>{escape(view.name)}: the negatives turned down most</h2>")
        parts.append(_table(SUSPECTS, suspect_rows(view, most)))
    if agreements:
        parts.append(f"<h2>{escape(QUESTION)}</h2>" + _table(AGREEMENT, agreement_rows(agreements)))
    title = escape(f"Weights of negatives: {name}")
    drawn = base64.b64encode(image).decode()
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<style>{_STYLE}</style><h1>{title}</h1><img alt="distributions of scores and weights" '
        f'src="data:image/png;base64,{drawn}">{"".join(parts)}</html>\n'
    )
    open_folder(out)
    try:
        write_bytes(out / PICTURE, image)
        write_text(out / PAGE, page)
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror}") from error


def open_folder(out: Path) -> None:
    """Make the folder, so that a wrong name is told before minutes of work.

    Raises:
        DataError: it cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror}") from error


def _table(header: Sequence[str], rows: Rows) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{_cell(cell)}</{tag}>" for cell in cells) + "</tr>"

    return f"<table>{row(header, 'th')}{''.join(row(cells, 'td') for cells in rows)}</table>"


def _cell(text: str) -> str:
    cut = text if len(text) <= _CODE_LENGTH else f"{text[:_CODE_LENGTH]} ..."
    return f"<pre>{escape(cut)}</pre>" if "\n" in cut else escape(cut)


def show(
    views: Sequence[View],
    agreements: Sequence[Agreement],
    *,
    most: int,
    draw: "Callable[[Table], None]",
) -> None:
    """Hand each table to a console, the functions left out: they are on the page."""
    draw(_terminal_table("The weights", SUMMARY, summary_rows(views)))
    for view in views:
        rows = [row[:-1] for row in suspect_rows(view, most)]
        draw(_terminal_table(f"{view.name}: turned down most", SUSPECTS[:-1], rows))
    if agreements:
        draw(_terminal_table(QUESTION, AGREEMENT, agreement_rows(agreements)))


def _terminal_table(title: str, header: Sequence[str], rows: Rows) -> "Table":
    from rich.table import Table

    table = Table(*header, title=title)
    for row in rows:
        table.add_row(*row)
    return table
