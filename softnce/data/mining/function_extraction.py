"""Takes the (docstring, function) pairs out of one source file; runs in worker processes.

Imports stay light here: every worker pays for them.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tree_sitter import Node, QueryCursor

from softnce.data.dedup import Shingles, code_tokens, shingles
from softnce.data.source_code.docstrings import occurs, query_fault, summary
from softnce.data.source_code.languages import LANGUAGES, Language, compiled, parser
from softnce.data.source_code.stripping import edited, without_query

MAX_BYTES = 1_000_000
MIN_LINES = 3

_GENERATED = re.compile(
    rb"do not edit|@generated|(?:auto|automatically )-?generated", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Source:
    """A file to mine: where it is, and its name below the folder given, the same on any machine."""

    path: Path
    name: str


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
class Harvest:
    """What one file gave: functions, what was dropped and why, what made it unreadable."""

    name: str
    functions: list[Function] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    seen: int = 0
    fault: str = ""
    skipped: str = ""


def harvest_all(sources: Sequence[Source], language: str) -> list[Harvest]:
    """Harvest some files in order."""
    return [harvest(source, LANGUAGES[language]) for source in sources]


def harvest(source: Source, language: Language) -> Harvest:
    """Harvest one file; whatever is wrong with it is named, never raised."""
    result = Harvest(source.name)
    try:
        content = _read(source.path)
    except OSError as error:
        result.fault = error.strerror or type(error).__name__
        return result
    except ValueError as error:
        result.fault = str(error)
        return result
    result.skipped = _skipped(content)
    if result.skipped:
        return result
    root = parser(language.name).parse(content).root_node
    if root.has_error:
        result.fault = "syntax errors; its sound functions were used"
    for node in _outermost(root, language):
        result.seen += 1
        reason = _unwanted(node, language) or _take(node, language, content, result.functions)
        if reason:
            result.dropped[reason] += 1
    return result


def _read(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES // 1_000_000} MB")
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 (byte {error.start})") from error
    return content


def _skipped(content: bytes) -> str:
    if not content.strip():
        return "empty file"
    return "generated file" if _GENERATED.search(content[:600]) else ""


def _outermost(root: Node, language: Language) -> Iterator[Node]:
    """Leave out functions inside functions: the outer one's code holds them already."""
    nodes = QueryCursor(compiled(language.name, language.functions)).captures(root)
    end = -1
    for node in sorted(nodes.get("function", []), key=lambda node: node.start_byte):
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
    if occurs(query, code):
        code = without_query(code, [query], language.name)
    fault = _fault(query, code)
    if fault is None:
        tokens = code_tokens(code)
        lines = (node.start_point.row + 1, node.end_point.row + 1)
        into.append(
            Function(_name(node), code, docstring, query, lines, " ".join(tokens), shingles(tokens))
        )
    return fault


def _fault(query: str, code: str) -> str | None:
    if sum(bool(line.strip()) for line in code.splitlines()) < MIN_LINES:
        return f"fewer than {MIN_LINES} lines of code"
    return query_fault(query) or ("query repeated in the code" if occurs(query, code) else None)


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
