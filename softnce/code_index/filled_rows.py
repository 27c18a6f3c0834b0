"""Stored rows completed: texts that are new to the memory are made into rows, and kept."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from softnce.code_index.functions import digest_of
from softnce.code_index.listing import Listed, Progress, remembered_digests
from softnce.code_index.stored_rows import Arrays, StoredRows, add_rows, merged, stored_rows
from softnce.data.mining.functions import at_the_margin
from softnce.data.mining.source_text import UnreadableError, read_source

_TEXTS_AT_ONCE = 1024  # made into rows, then kept: an interruption loses no more
_MOST_SEGMENTS = 12


@dataclass(frozen=True, slots=True)
class RowKind:
    """What rows are made of.

    Attributes:
        memory: where all is kept.
        folder: where they are kept in it.
        arrays: names of the arrays of a segment, the first with a row for each text.
        make: turns texts, each in its language, into arrays, and tells meanwhile how many are done.
        phase: names the work for a person.
    """

    memory: Path
    folder: Path
    arrays: Sequence[str]
    make: Callable[[Sequence[str], Sequence[str], Callable[[int], None]], Arrays]
    phase: str


@dataclass(frozen=True, slots=True)
class FilledRows:
    """Rows of all functions.

    Attributes:
        stored: the rows.
        made: number of texts that were made into rows now.
        damaged: folders that were damaged, and were made anew.
    """

    stored: StoredRows
    made: int = 0
    damaged: tuple[Path, ...] = ()


def filled_rows(kind: RowKind, functions: Sequence[Listed], *, progress: Progress) -> FilledRows:
    """Make the rows that are missing, and return all.

    A file that changes meanwhile is left out: its functions have no row.

    Raises:
        OSError: the memory cannot be written.
    """
    stored = stored_rows(kind.folder, kind.arrays)
    wanted = {one.function.digest: one for one in functions}
    missing = [one for digest, one in wanted.items() if digest not in stored.rows]
    made = 0

    def done(more: int) -> None:
        progress(kind.phase, made + more, len(missing))

    for part in _parts(missing):
        texts = {
            one.function.digest: text
            for one, text in zip(part, codes_of(part), strict=True)
            if text is not None
        }
        if texts:
            languages = [wanted[digest].language for digest in texts]
            arrays = kind.make(list(texts.values()), languages, done)
            add_rows(kind.folder, list(texts), arrays)
        made += len(part)
    damaged = stored.damaged
    if missing:
        stored = stored_rows(kind.folder, kind.arrays)
    if len(stored.segments) > _MOST_SEGMENTS:
        needed = wanted.keys() | remembered_digests(kind.memory)
        stored = merged(kind.folder, stored, kind.arrays, needed)
    return FilledRows(stored, made, damaged)


def codes_of(functions: Iterable[Listed]) -> Iterator[str | None]:
    """Read the texts of functions; None where a file has changed since it was listed."""
    path, content = None, b""
    for one in functions:
        if one.source.path != path:
            path, content = one.source.path, _content(one.source.path)
        text = at_the_margin(content, one.function.span)
        yield text if digest_of(text) == one.function.digest else None


def _content(path: Path) -> bytes:
    try:
        return read_source(path)
    except (OSError, UnreadableError):
        return b""


def _parts(missing: Sequence[Listed]) -> Iterator[Sequence[Listed]]:
    for start in range(0, len(missing), _TEXTS_AT_ONCE):
        yield missing[start : start + _TEXTS_AT_ONCE]
