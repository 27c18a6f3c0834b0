"""Formulas of the pages as MathML, which browsers draw by themselves: a hook of mkdocs."""

import html
import re

from latex2mathml.converter import convert

_FORMULA = re.compile(
    r'<(span|div) class="arithmatex">(?:\\\(|\\\[)(.*?)(?:\\\)|\\\])</\1>', re.DOTALL
)
_FUNCTION = "<mi>log</mi>"  # browsers set it close to what it is taken of


def on_page_content(content: str, **_: object) -> str:
    """Replace the formulas of a page, LaTeX so far."""
    return _FORMULA.sub(_drawn, content)


def _drawn(found: re.Match[str]) -> str:
    display = "block" if found[1] == "div" else "inline"
    drawn = convert(html.unescape(found[2]).strip(), display=display)
    return drawn.replace(_FUNCTION, f'{_FUNCTION}<mspace width="0.17em"/>')
