"""The functions of one source file as they stand: documentation and decorators included."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tree_sitter import Node

from softnce.data.mining.source_text import (
    SECONDS,
    Deadline,
    UnreadableError,
    functions,
    parsed,
    read_source,
)
from softnce.data.source_code.languages import Language

_WRAPPERS = ("decorated_definition", "export_statement")


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
        deadline = Deadline(SECONDS)
        root = parsed(content, language, deadline).root_node
        found = []
        for node in _outermost(functions(root, language)):
            deadline.check()
            found.append(_function(node, content, language))
    except OSError as error:
        return IndexedFile((), error.strerror or type(error).__name__)
    except UnreadableError as error:
        return IndexedFile((), str(error))
    return IndexedFile(tuple(found))


def text_of(content: bytes, span: tuple[int, int]) -> str:
    """Cut a function out of its file and shift it to the left margin."""
    start, end = span
    margin = content[content.rfind(b"\n", 0, start) + 1 : start]
    text = content[start:end]
    if not margin.strip():
        text = text.replace(b"\n" + margin, b"\n")
    return text.decode(errors="replace").replace("\r\n", "\n").strip()


def digest_of(text: str) -> str:
    """Name a text by its content."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def _outermost(definitions: Sequence[Node]) -> Iterator[Node]:
    end = -1
    for node in definitions:
        if node.start_byte >= end:
            end = node.end_byte
            yield node


def _function(node: Node, content: bytes, language: Language) -> IndexedFunction:
    whole = node
    while whole.parent is not None and whole.parent.type in _WRAPPERS:
        whole = whole.parent
    top = min([whole, *language.doc_nodes(node)], key=lambda one: one.start_byte)
    span = (top.start_byte, max(whole.end_byte, node.end_byte))
    return IndexedFunction(
        name=_qualified(node),
        lines=(node.start_point.row + 1, node.end_point.row + 1),
        begins=top.start_point.row + 1,
        span=span,
        digest=digest_of(text_of(content, span)),
    )


def _qualified(node: Node) -> str:
    names: list[str] = []
    here: Node | None = node
    while here is not None:
        named = here.child_by_field_name("name")
        if named is not None and named.text:
            names.append(named.text.decode(errors="replace"))
        here = here.parent
    return ".".join(reversed(names))
