"""The console for tables and progress: text as it is, but for commands and passwords in it."""

from collections.abc import Iterable
from typing import Any, final

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from softnce.secret import masked
from softnce.terminal.output import plain

_WIDTH_OF_A_PAGE = 100


@final
class PlainConsole(Console):
    """Reads no markup and no emoji in texts; styles are given apart from them."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  (rich's own)
        """Make a console as rich does."""
        super().__init__(markup=False, emoji=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield the pieces of a picture without passwords; rich alone may command the terminal."""
        for piece in super().render(renderable, options):
            yield piece if piece.control else Segment(plain(masked(piece.text)), piece.style)


def terminal(*, quiet: bool = False) -> PlainConsole:
    """Return the terminal, or a page of fixed width where the output goes to a file."""
    console = PlainConsole(quiet=quiet)
    return console if console.is_terminal else PlainConsole(quiet=quiet, width=_WIDTH_OF_A_PAGE)


def like(console: Console) -> Console:
    """Return a console that writes where another does, and takes no command from texts."""
    if isinstance(console, PlainConsole) or console.record:
        return console
    return PlainConsole(
        file=console.file,
        width=console.width,
        quiet=console.quiet,
        color_system=console.color_system,
        force_terminal=console.is_terminal,
        force_jupyter=console.is_jupyter,
    )


def errors(*, soft_wrap: bool = False) -> PlainConsole:
    """Return the console of standard error."""
    return PlainConsole(stderr=True, soft_wrap=soft_wrap)
