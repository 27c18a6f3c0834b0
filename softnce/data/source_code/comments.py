"""Finds comments in the languages read without a grammar, by a scanner of strings and comments."""

import re

Span = tuple[int, int]  # start, end, in bytes

_STRINGS = r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
_BLOCK = r"/\*.*?\*/"
_SLASHES = r"//[^\n]*"
_C_LIKE = re.compile(f"(?P<comment>{_BLOCK}|{_SLASHES})|{_STRINGS}|`[^`]*`", re.DOTALL)
_RUBY = re.compile(
    rf"(?P<comment>^=begin\b.*?^=end\b[^\n]*|#(?!\{{)[^\n]*)|{_STRINGS}", re.DOTALL | re.MULTILINE
)
_PHP = re.compile(rf"(?P<comment>{_BLOCK}|{_SLASHES}|#(?!\[)[^\n]*)|{_STRINGS}", re.DOTALL)
_SCANNERS = {"ruby": _RUBY, "php": _PHP}


def comment_runs(source: bytes, language: str) -> list[Span]:
    """Find the comments of a code, those with nothing but space between them joined to one.

    Args:
        source: UTF-8; read byte by byte, since every mark looked for is ASCII.
        language: picks the scanner; an unknown one is read like C.
    """
    scanner = _SCANNERS.get(language, _C_LIKE)
    found = scanner.finditer(source.decode("latin-1"))
    return joined(source, [match.span() for match in found if match.group("comment")])


def joined(source: bytes, spans: list[Span]) -> list[Span]:
    """Join neighbouring spans, so that a text wrapped over several line comments is one span."""
    runs: list[Span] = []
    for start, end in spans:
        if runs and not source[runs[-1][1] : start].strip():
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return runs


def headless(source: bytes, language: str) -> bytes:
    """Cut the comments above the first line of code: that is where these languages document."""
    runs = comment_runs(source, language)
    if not runs or source[: runs[0][0]].strip():
        return source
    return source[runs[0][1] :].lstrip() or source
