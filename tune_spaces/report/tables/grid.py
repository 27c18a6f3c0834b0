"""A table as plain text cells, and as Markdown and LaTeX: whatever the cells hold, they show it."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from softnce.secret import masked
from softnce.terminal.output import plain

_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "^": r"\textasciicircum{}", "_": r"\_", "~": r"\textasciitilde{}", "%": r"\%",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
}  # fmt: skip
_MARKDOWN = re.compile(r"([\\`*_\[\]#|~$])")


@dataclass(frozen=True, slots=True)
class Cell:
    """A text, and names that stand above it: the rows that this one beats."""

    text: str
    beats: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table.

    Attributes:
        caption: what it shows, in a sentence.
        headers: of the columns.
        rows: as many cells each.
        numeric: which columns hold numbers.
        best: index of the row that won; None without.
    """

    caption: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numeric: frozenset[int] = frozenset()
    best: int | None = None


def markdown(grid: Grid) -> str:
    """Return a table as GitHub's Markdown."""
    rules = ["---:" if at in grid.numeric else "---" for at in range(len(grid.headers))]
    marked = _marked(grid, markdown_text, above="<sup>{}</sup>", best="**{}**")
    lines = [_line(map(markdown_text, grid.headers)), _line(rules), *map(_line, marked)]
    return "\n".join([markdown_text(grid.caption), "", *lines]) + "\n"


def latex(grid: Grid) -> str:
    """Return a table as LaTeX, which needs the package booktabs."""
    columns = "".join("r" if at in grid.numeric else "l" for at in range(len(grid.headers)))
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{latex_text(grid.caption)}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        _latex_line(map(latex_text, grid.headers)),
        r"\midrule",
    ]
    marked = _marked(grid, latex_text, above=r"\textsuperscript{{{}}}", best=r"\textbf{{{}}}")
    rows = map(_latex_line, marked)
    return "\n".join([*lines, *rows, r"\bottomrule", r"\end{tabular}", r"\end{table}"]) + "\n"


def _marked(
    grid: Grid, text: Callable[[str], str], *, above: str, best: str
) -> Iterator[list[str]]:
    """Yield the cells of each row, with what stands above them and the best row set apart."""
    for number, row in enumerate(grid.rows):
        cells = [text(one.text) + (above.format(one.beats) if one.beats else "") for one in row]
        yield [best.format(one) if one else "" for one in cells] if number == grid.best else cells


def markdown_text(text: str) -> str:
    r"""Return a text that Markdown shows as it is, on one line.

    >>> markdown_text("a|b <i>*c*")
    'a\\|b &lt;i&gt;\\*c\\*'
    """
    text = _one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", text)


def latex_text(text: str) -> str:
    r"""Return a text that LaTeX sets as it is.

    >>> latex_text("50% of {a_b}")
    '50\\% of \\{a\\_b\\}'
    """
    return "".join(_LATEX.get(sign, sign) for sign in _one_line(text))


def _one_line(text: str) -> str:
    return " ".join(plain(masked(text)).split())


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _latex_line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"
