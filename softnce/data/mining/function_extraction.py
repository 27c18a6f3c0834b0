"""Takes the (docstring, function) pairs out of one source file; runs in worker processes.

Imports stay light here: every worker pays for them.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tree_sitter import Node

from softnce.data.dedup import Shingles, code_tokens, shingles
from softnce.data.mining.source_text import (
    SECONDS,
    Deadline,
    UnreadableError,
    functions,
    parsed,
    read_source,
)
from softnce.data.source_code.docstrings import occurring, occurs, query_fault, summary
from softnce.data.source_code.languages import LANGUAGES, Language
from softnce.data.source_code.stripping import (
    edited,
    string_holds,
    without_comments,
    without_query,
)

MIN_LINES = 3

_GENERATED = re.compile(
    rb"do not edit|@generated|(?:auto|automatically )-?generated", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Source:
    r"""A file to mine.

    Attributes:
        path: where it is.
        name: below the folder given, the same on any machine; bytes that are no UTF-8 stand as
            ``\xe9`` in it.
        package: the repository or package that it belongs to, named in the same way.
    """

    path: Path
    name: str
    package: str


@dataclass(frozen=True, slots=True)
class Function:
    """A documented function: its code without the docstring, its tokens in one line, its place."""

    name: str
    code: str
    docstring: str
    query: str
    lines: tuple[int, int]
    tokens: str
    shingles: Shingles


@dataclass(slots=True)
class FileFunctions:
    """What one file gave: functions, what was dropped and why, what made it unreadable."""

    source: Source
    functions: list[Function] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    seen: int = 0
    fault: str = ""
    skipped: str = ""


def extract_all(sources: Sequence[Source], language: str) -> list[FileFunctions]:
    """Extract the functions of some files in order."""
    return [extract(source, LANGUAGES[language]) for source in sources]


def extract(source: Source, language: Language, *, seconds: float = SECONDS) -> FileFunctions:
    """Extract the functions of one file; whatever is wrong with it is named, never raised.

    Args:
        source: the file.
        language: its language.
        seconds: of the processor, after which the functions found so far must do.
    """
    result = FileFunctions(source)
    try:
        _fill(result, language, Deadline(seconds))
    except OSError as error:
        result.fault = error.strerror or type(error).__name__
    except UnreadableError as error:
        result.fault = str(error)
    return result


def _fill(result: FileFunctions, language: Language, deadline: Deadline) -> None:
    content = read_source(result.source.path)
    result.skipped = _skipped(content)
    if result.skipped:
        return
    root = parsed(content, language, deadline).root_node
    if root.has_error:
        result.fault = "syntax errors; its sound functions were used"
    for node in _outermost(functions(root, language)):
        deadline.check()
        result.seen += 1
        reason = _unwanted(node, language) or _take(node, language, content, result.functions)
        if reason:
            result.dropped[reason] += 1


def _skipped(content: bytes) -> str:
    if not content.strip():
        return "empty file"
    return "generated file" if _GENERATED.search(content[:600]) else ""


def _outermost(definitions: Sequence[Node]) -> Iterator[Node]:
    """Leave out functions inside functions: the outer one's code holds them already."""
    end = -1
    for node in definitions:
        if node.start_byte >= end:
            end = node.end_byte
            yield node


def _name(node: Node) -> str:
    named = node.child_by_field_name("name")
    return (named.text or b"").decode() if named else ""


def _unwanted(node: Node, language: Language) -> str | None:
    """Tell at little cost why a function is no pair, or None."""
    name = _name(node)
    for pattern, reason in language.skipped_name:
        if pattern.match(name):
            return reason
    if not language.doc_nodes(node):
        return "no docstring"
    return "syntax error" if node.has_error else None


def _take(node: Node, language: Language, content: bytes, into: list[Function]) -> str | None:
    """Add a documented function to those found, or tell why not."""
    documentation = language.doc_nodes(node)
    docstring = language.doc_text((documentation[0].text or b"").decode())
    query = summary(docstring)
    code = _code(node, documentation, content)
    fault = _shortness(code) or query_fault(query)
    told = [] if fault else occurring([query, *docstring.splitlines()], code)
    if told:
        code = without_query(code, told[:1] if told[0] == query else [], language.name)
        code = without_comments(code, told, language.name)
        fault = _shortness(code) or _telling(code, query, told, language)
    if fault is None:
        tokens = code_tokens(code)
        lines = (node.start_point.row + 1, node.end_point.row + 1)
        into.append(
            Function(_name(node), code, docstring, query, lines, " ".join(tokens), shingles(tokens))
        )
    return fault


def _shortness(code: str) -> str | None:
    is_short = sum(bool(line.strip()) for line in code.splitlines()) < MIN_LINES
    return f"fewer than {MIN_LINES} lines of code" if is_short else None


def _telling(code: str, query: str, told: Sequence[str], language: Language) -> str | None:
    """Name what a code still says of its docstring, where no comment says it."""
    if occurs(query, code):
        return "query repeated in the code"
    if string_holds(code, told, language.name):
        return "docstring repeated in the code"
    return None


def _code(node: Node, documentation: Sequence[Node], content: bytes) -> str:
    """Cut the documentation out of a function and shift it to the left margin."""
    start, end = node.start_byte, node.end_byte
    inside = [
        (n.start_byte - start, n.end_byte - start, b"")
        for n in documentation
        if n.start_byte >= start
    ]
    margin = content[content.rfind(b"\n", 0, start) + 1 : start]
    code = edited(content[start:end], inside)
    if not margin.strip():
        code = code.replace(b"\n" + margin, b"\n")
    return code.decode().replace("\r\n", "\n").strip()
