"""The functions of one source file as they stand: documentation and decorators included."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from softnce.data.mining.functions import Definition, at_the_margin, definitions
from softnce.data.mining.source_text import SECONDS, Deadline, UnreadableError, read_source
from softnce.data.source_code.language import Language


@dataclass(frozen=True, slots=True)
class IndexedFunction:
    """A function of a file.

    Attributes:
        name: with those of the classes around it.
        lines: of its definition, from 1, both included.
        begins: the line of its documentation or decorator, where its text begins.
        span: where its text begins and ends in the file, in bytes.
        digest: of its text.
    """

    name: str
    lines: tuple[int, int]
    begins: int
    span: tuple[int, int]
    digest: str

    def as_list(self) -> list[Any]:
        """Return plain values for JSON."""
        return [self.name, *self.lines, self.begins, *self.span, self.digest]

    @classmethod
    def of_list(cls, values: Sequence[Any]) -> "IndexedFunction":
        """Read what ``as_list`` returned."""
        name, *numbers, digest = values
        first, last, begins, start, end = map(int, numbers)
        return cls(str(name), (first, last), begins, (start, end), str(digest))


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """What one file gave: its functions, or what is wrong with it."""

    functions: tuple[IndexedFunction, ...]
    fault: str = ""


def file_functions(path: Path, language: Language) -> IndexedFile:
    """Find the functions of a file; whatever is wrong with it is named, never raised.

    A function inside another is a part of the outer one.
    """
    try:
        content = read_source(path)
        found = definitions(content, language, Deadline(SECONDS)).functions
        return IndexedFile(tuple(_function(one, content) for one in found))
    except OSError as error:
        return IndexedFile((), error.strerror or type(error).__name__)
    except UnreadableError as error:
        return IndexedFile((), str(error))


def digest_of(text: str) -> str:
    """Name a text by its content."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def _function(one: Definition, content: bytes) -> IndexedFunction:
    span = one.place()
    return IndexedFunction(
        name=one.qualified_name(),
        lines=(one.node.start_point.row + 1, one.node.end_point.row + 1),
        begins=content.count(b"\n", 0, span[0]) + 1,
        span=span,
        digest=digest_of(at_the_margin(content, span)),
    )
