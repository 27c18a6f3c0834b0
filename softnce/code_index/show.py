"""Shows what was found in a code base: the places, and the code in colours."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from softnce.code_index.index import Hit

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


def show_hits(hits: Sequence[Hit], path: Path, console: "Console", *, lines: int) -> None:
    """Print the hits, the best first.

    Args:
        hits: what was found.
        path: of the code base, as it was named.
        console: makes texts safe for a terminal.
        lines: of each code that are shown; 0 shows the places alone.
    """
    from rich.text import Text

    for rank, hit in enumerate(hits, start=1):
        title = Text(f"{rank}. ", "bold").append(place_of(hit, path), "bold cyan")
        title.append(f"  {hit.listed.function.name}", "bold").append(f"  {_scores(hit)}", "dim")
        console.print(title, soft_wrap=True, highlight=False)
        for line in _code(hit, lines):
            wraps = not console.is_terminal
            console.print(line, highlight=False, soft_wrap=wraps, no_wrap=True, overflow="ellipsis")


def place_of(hit: Hit, path: Path) -> str:
    """Name where a hit stands, as editors and terminals follow it: file:line."""
    return f"{_file(hit, path)}:{hit.listed.function.lines[0]}"


def as_dict(hit: Hit, path: Path) -> dict[str, Any]:
    """Return a hit as plain values for JSON."""
    function = hit.listed.function
    return {
        "file": str(_file(hit, path)),
        "line": function.lines[0],
        "end_line": function.lines[1],
        "function": function.name,
        "language": hit.listed.language,
        "score": hit.score,
        "similarity": hit.similarity,
        "bm25": hit.bm25,
        "code": hit.code,
    }


def _file(hit: Hit, path: Path) -> Path:
    return path / hit.listed.source.name if path.is_dir() else path


def _scores(hit: Hit) -> str:
    parts = [] if hit.similarity is None else [f"model {hit.similarity:.3f}"]
    parts += [] if hit.bm25 is None else [f"bm25 {hit.bm25:.2f}"]
    return f"score {hit.score:.4f} ({', '.join(parts)})" if parts[1:] else f"score {hit.score:.3f}"


def _code(hit: Hit, most: int) -> Iterator["Text"]:
    """Yield the first lines of a code, each with its number."""
    from rich.text import Text

    if hit.code is None:
        yield Text("       changed since it was indexed: ask again", "yellow")
        return
    coloured = _highlighted(hit.code, hit.listed.language).split("\n")
    for number, line in enumerate(coloured[:most], start=hit.listed.function.begins):
        yield Text().append(f"{number:>6} ", "dim").append_text(line)
    left = len(coloured) - most
    if most and left > 0:
        yield Text(f"       ... {left} more lines", "dim")


def _highlighted(code: str, language: str) -> "Text":
    from rich.syntax import Syntax

    lexer: Any = language
    if language == "php":  # a function alone has no opening tag
        from pygments.lexers import get_lexer_by_name

        lexer = get_lexer_by_name("php", startinline=True)
    found = Syntax(code, lexer, theme="ansi_dark").highlight(code)
    found.rstrip()
    return found
