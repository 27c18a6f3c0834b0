"""The verb that searches a code base with a model."""

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from softnce.errors import ConfigError, DataError, SetupError
from softnce.terminal.output import say

if TYPE_CHECKING:
    from softnce.code_index.index import CodeIndex
    from softnce.code_index.listing import Listing

_NAMED_FAULTS = 3


@dataclass(frozen=True, slots=True)
class _Shown:
    """How hits are shown."""

    path: Path
    top: int
    lines: int
    as_json: bool


def query(  # noqa: PLR0913  (what a user may set)
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A model's folder or hub id, a study (its champion), or bm25."
        ),
    ],
    path: Annotated[Path, typer.Argument(help="A folder or a file of code.")],
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT]", help="What the code should do; without it, ask on."),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Number of functions to show.")] = 5,
    lines: Annotated[int, typer.Option(min=0, help="Lines of code to show of each.")] = 12,
    bm25: Annotated[  # noqa: FBT002
        bool, typer.Option("--bm25/--no-bm25", help="Fuse the model's ranking with that of BM25.")
    ] = True,
    tests: Annotated[  # noqa: FBT002
        bool, typer.Option("--tests", help="Search files of tests, too.")
    ] = False,
    cache: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where the index is kept; ~/.cache/softnce/query."),
    ] = None,
    as_json: Annotated[  # noqa: FBT002
        bool, typer.Option("--json", help="Print one JSON object per query and nothing else.")
    ] = False,
) -> None:
    """Search the functions of a code base with a model.

    Functions are indexed as they stand; only what has changed is encoded again.
    """
    words = " ".join(text or []).encode(errors="replace").decode().strip()
    if text and not words:
        raise ConfigError("query: an empty text", "say what the code should do")
    if not bm25 and model == "bm25":
        raise ConfigError("query bm25 --no-bm25: nothing is left to rank by", "name a model")
    memory = cache or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "softnce", "query")
    try:
        index = _indexed(model, path, memory.expanduser(), with_bm25=bm25, with_tests=tests)
    except OSError as error:
        raise SetupError(
            f"{error.filename or memory}: {error.strerror or error}",
            "name another folder for the index with --cache",
        ) from error
    shown = _Shown(path, top, lines, as_json)
    for one in [words] if words else _asked():
        _answer(index, one, shown)


def _indexed(
    model: str, path: Path, memory: Path, *, with_bm25: bool, with_tests: bool
) -> "CodeIndex":
    from softnce.code_index.index import code_index
    from softnce.code_index.listing import listed_functions
    from softnce.code_index.text_encoder import text_encoder
    from softnce.terminal.progress import late_progress
    from tune_spaces.sources.model import BM25, model_source

    began = time.monotonic()
    source = model_source(model)
    with late_progress() as progress:
        listing = listed_functions(path, memory, with_tests=with_tests, progress=progress)
        progress("loading the model", 0, 1)
        encoder = None if source.place == BM25 else text_encoder(source.place, source.name)
        index = code_index(listing, memory, encoder, with_bm25=with_bm25, progress=progress)
    _tell(listing, index, time.monotonic() - began)
    return index


def _tell(listing: "Listing", index: "CodeIndex", seconds: float) -> None:
    """Say on standard error what was indexed, and what was not."""
    from softnce.terminal.console import errors

    console = errors(soft_wrap=True)
    if listing.was_damaged or index.damaged:
        what = index.damaged[0] if index.damaged else "the list of functions"
        console.print(f"note: the index was damaged ({what}), and was made anew", style="yellow")
    tests = f"; test files left out: {listing.tests:,}, see --tests" if listing.tests else ""
    console.print(
        f"functions: {len(index.functions):,}, encoded now: {index.encoded:,}; files: "
        f"{listing.files:,}, read now: {listing.read:,}; {seconds:.1f} s{tests}",
        style="dim",
        highlight=False,
    )
    for name, fault in listing.faults[:_NAMED_FAULTS]:
        console.print(f"left out: {name}: {fault}", style="yellow")
    if len(listing.faults) > _NAMED_FAULTS:
        console.print(f"left out: {len(listing.faults) - _NAMED_FAULTS} more", style="yellow")


def _answer(index: "CodeIndex", text: str, shown: _Shown) -> None:
    from softnce.code_index.show import as_dict, show_hits
    from softnce.terminal.console import terminal

    hits = index.search(text, shown.top)
    if shown.as_json:
        found = {
            "query": text,
            "model": "bm25" if index.encoder is None else index.encoder.name,
            "functions": len(index.functions),
            "encoded": index.encoded,
            "hits": [as_dict(hit, shown.path) for hit in hits],
        }
        say(json.dumps(found))
        return
    show_hits(hits, shown.path, terminal(), lines=shown.lines)
    if not hits:
        say("No function shares a word with the query.")


def _asked() -> Iterator[str]:
    """Yield what a person types, or a pipe holds, until an empty line or the end."""
    is_terminal = sys.stdin.isatty()
    if is_terminal:
        import readline  # noqa: F401  (lets the arrow keys edit what is typed)
    while True:
        try:
            line = input("query> " if is_terminal else "")
        except EOFError:
            return
        except UnicodeDecodeError as error:
            raise DataError("standard input: not UTF-8", "ask in UTF-8") from error
        if not line.strip():
            return
        yield line.strip()
