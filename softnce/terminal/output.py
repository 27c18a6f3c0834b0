r"""Text that is safe to show: names, paths and data cannot command the terminal.

>>> plain("\x1b[2Jgone\r")
'\\x1b[2Jgone\\r'
"""

import io
import re
import sys

import typer

from softnce.secret import masked

_COMMANDS = re.compile(  # what moves the cursor, colours, or turns the direction of writing
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def plain(text: str) -> str:
    """Return a text with everything that commands a terminal written out; lines and tabs stay."""
    return _COMMANDS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def show_any_text() -> None:
    """Let standard output show a question mark for what its encoding does not have."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def say(text: str, *, end: str = "\n") -> None:
    """Write a text to standard output at once."""
    typer.echo(plain(masked(text).replace("\r\n", "\n")) + end, nl=False)
    sys.stdout.flush()
