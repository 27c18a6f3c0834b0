"""Markdown in which no text of a study can be more than text."""

import html
from collections.abc import Sequence

_MARKED = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]|~#"})


def plain(text: object) -> str:
    r"""Return a text as markdown shows it, on one line, whatever is in it.

    >>> plain("a|b <b>*c*</b>"), plain("two\nlines")
    ('a\\|b &lt;b&gt;\\*c\\*&lt;/b&gt;', 'two lines')
    """
    return html.escape(" ".join(str(text).split()).translate(_MARKED), quote=False)


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], *, numbers: int) -> str:
    """Return a table of plain texts, the last columns aligned to the right.

    Args:
        headers: one a column.
        rows: each as long as the headers.
        numbers: how many of the last columns hold numbers.
    """
    words = len(headers) - numbers
    rule = "|".join(["---"] * words + ["---:"] * numbers)
    lines = [" | ".join(map(plain, row)) for row in (headers, *rows)]
    return "\n".join([f"| {lines[0]} |", f"|{rule}|", *[f"| {line} |" for line in lines[1:]]])
