"""Shows an audit: tables and texts for a terminal, and a figure."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from softnce.data.clones.groups import KINDS
from softnce.diagnostics.audit.audit import Audit
from softnce.diagnostics.audit.duplicates import Likeness
from softnce.errors import DataError
from softnce.whole_files import write_bytes, write_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.table import Table

REPORT, FIGURE = "audit.json", "audit.png"
_LINES = 6  # of a function that is shown
_WIDTH = 96
Draw = Callable[["Table"], None]


def show(audit: Audit, draw: Draw, say: Callable[[str], None], *, top: int) -> None:
    """Hand tables and sentences to a terminal, which makes hostile texts harmless.

    Args:
        audit: what was found.
        draw: shows a table.
        say: shows a line.
        top: number of leaks to show.
    """
    _duplicates(audit, draw)
    _leaks(audit, draw)
    if audit.batches:
        _batches(audit, draw)
    if audit.precisions:
        _precisions(audit, draw)
    for one in audit.facts.leaks[:top]:
        say(f"\nquery in its own code, {one.where}: {_short(one.query)}")
        say(_code(one.code))
    for alike in audit.worst:
        _pair(alike, say)
    say("")
    _sentences(audit, say)


def _sentences(audit: Audit, say: Callable[[str], None]) -> None:
    for one in audit.ceilings:
        say(
            f"{one.split}: no model can exceed MRR {one.mrr:.4f} ({one.tied:,} of "
            f"{one.queries:,} answers have exact copies, or share their query with another; "
            f"{one.mrr_with_copies:.4f} if copies counted as right)"
        )
    if audit.reading.left_out:
        say(audit.reading.left_out)
    say("Faults: " + ("; ".join(audit.faults) if audit.faults else "none"))
    if audit.gain is not None:
        say(audit.gain.verdict)


def _duplicates(audit: Audit, draw: Draw) -> None:
    table = _table(
        "Duplicates: rows that repeat an earlier one, each kind with those before it",
        *("", "rows", "exact", "layout", "near", "renamed", "query", "either", "share"),
    )
    for name, one in audit.duplicates.items():
        counts = (one.rows, *(one.functions[kind] for kind in KINDS), one.queries, one.repeats)
        table.add_row(name, *(f"{count:,}" for count in counts), f"{one.share:.2%}")
    draw(table)


def _leaks(audit: Audit, draw: Draw) -> None:
    table = _table(
        "Leaks: rows of a split that are known from another",
        *("", "rows", "exact", "layout", "near", "renamed", "query", "either"),
    )
    for one in audit.leaks:
        counts = (one.rows, *(one.functions[kind] for kind in KINDS), one.queries, one.involved)
        table.add_row(" - ".join(one.splits), *(f"{count:,}" for count in counts))
    found, left = len(audit.facts.leaks), sum(audit.left.values())
    rows = sum(one.rows for name, one in audit.duplicates.items() if name != "codebase")
    blank = [""] * len(KINDS)
    table.add_row("query in its own code", f"{rows:,}", *blank, "", f"{found:,}")
    table.add_row("... left after reading", f"{rows:,}", *blank, "", f"{left:,}")
    draw(table)


def _batches(audit: Audit, draw: Draw) -> None:
    table = _table(
        "Known false negatives in a random batch of the training pairs",
        *("batch", "per query", "queries with one", "gradient lost at most"),
    )
    for one in audit.batches:
        table.add_row(
            f"{one.batch_size:,}", f"{one.per_query:.4f}", f"{one.queries:.2%}", f"{one.lost:.2%}"
        )
    draw(table)


def _precisions(audit: Audit, draw: Draw) -> None:
    table = _table(
        "Estimators: false negatives among as many of the most blamed as there are",
        *("estimator", "truth", "compared with", "precision", "by chance", "false / all"),
    )
    for one in audit.precisions:
        table.add_row(
            *(one.estimator, one.truth, one.compared),
            *(f"{one.precision:.1%}", f"{one.by_chance:.3%}", f"{one.false:,} / {one.all:,}"),
        )
    draw(table)


def _pair(alike: Likeness, say: Callable[[str], None]) -> None:
    say(f"\n{alike.what}: {alike.kind} duplicates, {alike.size:,} in the group")
    for where, query, code in zip(alike.where, alike.queries, alike.codes, strict=True):
        say(f"  {where}: {_short(query)}")
        say(_code(code))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..."


def _code(code: str) -> str:
    lines = [line.rstrip()[:_WIDTH] for line in code.strip("\n").splitlines() if line.strip()]
    more = ["..."] if len(lines) > _LINES else []
    return "\n".join(f"    | {line}" for line in [*lines[:_LINES], *more])


def _table(title: str, *columns: str) -> "Table":
    from rich.table import Table

    table = Table(title=title)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table


def write(audit: Audit, out: Path) -> None:
    """Write the whole audit and its figure.

    Raises:
        DataError: the folder cannot be written.
    """
    image = figure(audit)
    try:
        write_json(out / REPORT, audit.as_dict())
        write_bytes(out / FIGURE, image)
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror}") from error


def figure(audit: Audit) -> bytes:
    """Draw the duplicates, the false negatives of batches and the estimators, as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    page = Figure(figsize=(13, 4), layout="constrained")
    FigureCanvasAgg(page)
    left, middle, right = page.subplots(1, 3)
    _draw_duplicates(left, audit)
    sizes = [one.batch_size for one in audit.batches]
    middle.plot(sizes, [100 * one.queries for one in audit.batches], "o-", label="queries with one")
    middle.plot(sizes, [100 * one.lost for one in audit.batches], "s--", label="gradient lost")
    middle.set_xscale("log", base=2)
    middle.set(xlabel="batch", ylabel="%", title="known false negatives", ylim=(0, None))
    middle.legend()
    _draw_precisions(right, audit)
    content = io.BytesIO()
    page.savefig(content, format="png", dpi=110)
    return content.getvalue()


def _draw_duplicates(axes: "Axes", audit: Audit) -> None:
    names = list(audit.duplicates)
    for kind in reversed(KINDS):  # each takes in those drawn over it
        counts = audit.duplicates.values()
        shares = [100 * one.functions[kind] / max(one.rows, 1) for one in counts]
        axes.bar(names, shares, label=kind)
    axes.set(ylabel="% of rows", title="rows that repeat a function")
    axes.legend()


def _draw_precisions(axes: "Axes", audit: Audit) -> None:
    labels = [f"{one.estimator}, {one.truth}" for one in audit.precisions]
    labels = [f"{number}: {label}".replace("$", r"\$") for number, label in enumerate(labels, 1)]
    axes.barh(labels, [100 * one.precision for one in audit.precisions])
    axes.plot([100 * one.by_chance for one in audit.precisions], labels, "k|", markersize=12)
    axes.set(xlabel="%", title="precision (|: by chance)", xlim=(0, 100))
