"""Finds the functions of one file, each as it stands and taken apart.

Imports stay light here: every worker process pays for them.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tree_sitter import Node, QueryCursor

from softnce.data.mining.source_text import (
    SECONDS,
    Deadline,
    checked,
    parsed,
    read_source,
    require_small_errors,
)
from softnce.data.source_code.comments import Span, joined
from softnce.data.source_code.docstrings import occurs
from softnce.data.source_code.language import FileComments, Language
from softnce.data.source_code.languages.table import language_named, language_of
from softnce.data.source_code.parsing import compiled
from softnce.data.source_code.stripping import edited
from softnce.errors import DataError

_WRAPPERS = ("decorated_definition", "export_statement")


@dataclass(frozen=True, slots=True)
class SourceFunction:
    """A function of a file.

    Attributes:
        name: as the file writes it: in JavaScript perhaps ``Tree.prototype.add``; "" without one.
        language: the language's name.
        text: as it stands, with its documentation, decorators and comments, from the left margin.
        code: without its documentation.
        docstring: what its documentation says, as plain text; "" where there is none.
        lines: first and last line of the definition, from 1; documentation may stand above it.
        is_sound: whether it was read without a syntax error.
    """

    name: str
    language: str
    text: str
    code: str
    docstring: str
    lines: tuple[int, int]
    is_sound: bool


def functions_of(
    source: Path | str, language: str | None = None, *, seconds: float = SECONDS
) -> list[SourceFunction]:
    """List all functions of a file or a text, in order; those inside others belong to these.

    Args:
        source: a file, or the text of one.
        language: its name; None goes by the end of the file's name.
        seconds: of the processor, that the reading may take.

    Raises:
        DataError: no language of that name, or none whose files end so.
        UnreadableError: it is no regular file of UTF-8 within the bounds of size, depth and time.
        OSError: the system refuses.
    """
    spoken = _language(source, language)
    if isinstance(source, Path):
        content = read_source(source)
    else:
        content = checked(source.encode(errors="replace"))
    found = definitions(content, spoken, Deadline(seconds))
    return [_whole(one) for one in found.functions]


def _language(source: Path | str, language: str | None) -> Language:
    found = language_of(source.name) if isinstance(source, Path) else None
    if language is None and found is None:
        raise DataError(f"no language is known for {source}", "say which one it is in")
    if found is None or (language is not None and language != found.name):
        return language_named(language or "")
    return found


@dataclass(frozen=True, slots=True)
class Definition:
    """A function as a node of its file's tree.

    Attributes:
        node: the whole definition.
        name: as the file writes it.
        language: of the file.
        comments: of the file.
        documentation: places of what documents it, inside it or above it.
    """

    node: Node
    name: str
    language: Language
    comments: FileComments
    documentation: tuple[Span, ...]

    def docstring_source(self) -> list[str]:
        """Return the documentation as it is written, in one or several pieces."""
        content = self.comments.content
        return [content[start:end].decode() for start, end in self.documentation]

    def docstring(self) -> str:
        """Return what the documentation says, as plain text."""
        return self.language.doc_text(self.docstring_source()) if self.documentation else ""

    def qualified_name(self) -> str:
        """Return the name behind those of the classes and functions around it."""
        names = [self.name]
        here = self.node.parent
        while here is not None:
            named = here.child_by_field_name("name")
            if named is not None and named.text:
                names.append(named.text.decode(errors="replace"))
            here = here.parent
        return ".".join(reversed(names))

    def place(self) -> Span:
        """Return where the function stands with all that belongs to it: documentation, export."""
        whole = self.node
        while whole.parent is not None and whole.parent.type in _WRAPPERS:
            whole = whole.parent
        starts = [start for start, _ in self.documentation]
        return min([whole.start_byte, *starts]), whole.end_byte

    def text(self) -> str:
        """Return the function as it stands, with all that belongs to it."""
        return at_the_margin(self.comments.content, self.place())

    def code(self, cut: Sequence[Span] = ()) -> str:
        """Return the function without its documentation, and without some more places."""
        return at_the_margin(self.comments.content, self._span(), [*self.documentation, *cut])

    def asides_that_hold(self, texts: Collection[str]) -> list[Span]:
        """Find the comments and bare strings inside that say one of the texts word for word."""
        content = self.comments.content
        asides = joined(content, self.comments.inside(*self._span()))
        asides += self._captured(self.language.asides)
        apart = [span for span in dict.fromkeys(asides) if not _within(span, self.documentation)]
        return [
            (start, end)
            for start, end in apart
            if any(occurs(text, content[start:end].decode()) for text in texts)
        ]

    def strings_that_hold(self, texts: Collection[str], cut: Sequence[Span]) -> bool:
        """Tell whether a string in use says one of the texts word for word."""
        content = self.comments.content
        return any(
            occurs(text, content[start:end].decode())
            for start, end in self._captured(self.language.strings)
            if not _within((start, end), [*cut, *self.documentation])
            for text in texts
        )

    def _span(self) -> Span:
        return self.node.start_byte, self.node.end_byte

    def _captured(self, pattern: str) -> list[Span]:
        return _spans(self.node, self.language.key, pattern) if pattern else []


def _within(span: Span, others: Sequence[Span]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in others)


def at_the_margin(content: bytes, span: Span, cut: Sequence[Span] = ()) -> str:
    """Cut places out of a stretch of a file and shift it to the left margin."""
    start, end = span
    inside = [(first - start, last - start, b"") for first, last in cut if first >= start]
    line = content[content.rfind(b"\n", 0, start) + 1 : start]
    margin = line[: len(line) - len(line.lstrip())]
    code = edited(content[start:end], inside).replace(b"\n" + margin, b"\n")
    return code.decode(errors="replace").replace("\r\n", "\n").strip()


class Definitions(NamedTuple):
    """The outermost functions of a file, and whether it has syntax errors anywhere."""

    functions: Iterator[Definition]
    has_error: bool


def definitions(content: bytes, language: Language, deadline: Deadline) -> Definitions:
    """Find the functions of a file, in the order in which they stand.

    Raises:
        UnreadableError: a bound of time or of syntax errors; also while they are taken one by one.
    """
    root = parsed(content, language.key, deadline).root_node
    require_small_errors(root)
    return Definitions(_outermost(root, content, language, deadline), root.has_error)


def _outermost(
    root: Node, content: bytes, language: Language, deadline: Deadline
) -> Iterator[Definition]:
    """Leave out functions inside functions: the outer one's code holds them already."""
    comments = FileComments(content, lambda: _spans(root, language.key, language.comments))
    end = -1
    for start, node, named in _found(root, language):
        deadline.check()
        if start >= end:
            end = node.end_byte
            name = " ".join((named.text or b"").decode().split()) if named else ""
            yield Definition(node, name, language, comments, language.documentation(node, comments))


def _found(root: Node, language: Language) -> list[tuple[int, Node, Node | None]]:
    """Find the definitions and their names, an outer one before those that begin where it does."""
    matches = QueryCursor(compiled(language.key, language.functions)).matches(root)
    found = []
    for _, captures in matches:
        node = captures["function"][0]
        found.append((node.start_byte, node, captures.get("name", [None])[0]))
    return sorted(found, key=lambda one: (one[0], -one[1].end_byte))


def _spans(node: Node, key: str, pattern: str) -> list[Span]:
    found = QueryCursor(compiled(key, pattern)).captures(node)
    return [(one.start_byte, one.end_byte) for nodes in found.values() for one in nodes]


def _whole(one: Definition) -> SourceFunction:
    return SourceFunction(
        name=one.name,
        language=one.language.name,
        text=one.text(),
        code=one.code(),
        docstring=one.docstring(),
        lines=(one.node.start_point.row + 1, one.node.end_point.row + 1),
        is_sound=not one.node.has_error,
    )
