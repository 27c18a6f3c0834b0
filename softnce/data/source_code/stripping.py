"""Takes a query's text out of its code: the docstring is the query, and must not stay there."""

import re
from collections.abc import Iterable, Sequence

from tree_sitter import Node, QueryCursor

from softnce.data.source_code.comments import Span, comment_runs, headless, joined
from softnce.data.source_code.docstrings import occurs, wording
from softnce.data.source_code.languages.python import PYTHON, is_bare_string, leading_strings
from softnce.data.source_code.parsing import compiled, parser

Edit = tuple[int, int, bytes]  # start, end, and what to put there

_OTHERS = ("go", "java", "javascript", "php", "ruby", "typescript")
_PYTHON_HEAD = re.compile(
    r"\s*(?:@[^\n]*\n\s*)*(?:async\s+)?(?:def\s+\w+\s*\((?!.*\bend\s*$)|class\s+\w+[^\n{]*:)",
    re.DOTALL,
)
_OPENING_STRING = re.compile(
    r"(?:^|:)(?:[\s\\(]|#[^\n]*\n)*[rRuU]{0,2}[\"']"
)  # cheaper than a parse


def without_query(code: str, queries: Sequence[str], language: str) -> str:
    """Hand out a code that no longer carries its own query in a docstring or a comment.

    Args:
        code: a function's source, as found; any indentation, any Python, sound or broken.
        queries: what is asked of it; those of three words and more are looked for.
        language: its name; empty, misspelt or unknown means Python where the code looks like it.

    Returns:
        The code without its docstring (Python) or leading comments (other languages), and without
        the comments that repeat a query. A string in use may still hold it: ``occurs`` tells.
    """
    language = language.strip().lower()
    is_unknown = language not in _OTHERS and _PYTHON_HEAD.match(code) is not None
    is_python = language == "python" or is_unknown
    source = code.encode()
    if is_python:
        stripped = _docstringless(source).decode() if _OPENING_STRING.search(code) else code
    else:
        stripped = headless(source, language).decode()
    for query in queries:
        if occurs(query, stripped):
            source = stripped.encode()
            is_broken, spans = (
                _python_carriers(source) if is_python else (False, comment_runs(source, language))
            )
            stripped = _without_carriers(stripped, query, spans, is_broken=is_broken)
    return stripped


def _without_carriers(code: str, query: str, spans: list[Span], *, is_broken: bool) -> str:
    source = code.encode()
    held = [(start, end, b"") for start, end in spans if occurs(query, source[start:end].decode())]
    cut = edited(source, held).decode()
    if not held and not is_broken:
        return code
    if occurs(query, cut) or "\n" not in code.strip() or not cut.strip():
        return wording(query).sub("", code)  # on one line, a comment hides the code behind it
    return cut


def edited(source: bytes, edits: Iterable[Edit]) -> bytes:
    """Apply edits from the last to the first; a cut that empties its lines takes them along."""
    for start, end, put in sorted(edits, reverse=True):
        first, last = (start, end) if put else _whole_lines(source, start, end)
        source = source[:first] + put + source[last:]
    return source


def _whole_lines(source: bytes, start: int, end: int) -> Span:
    line = source.rfind(b"\n", 0, start) + 1
    stop = source.find(b"\n", end)
    rest = source[end : stop if stop >= 0 else len(source)]
    if rest.lstrip().startswith(b";"):
        return start, end + len(rest) - len(rest.lstrip()[1:].lstrip())
    if source[line:start].strip() or rest.strip():
        return start, end
    return line, (stop + 1 if stop >= 0 else len(source))


def docstring_edits(definition: Node) -> list[Edit]:
    """Plan the removal of a Python docstring; a body that it leaves empty becomes ``pass``."""
    strings = leading_strings(definition)
    edits = [(node.start_byte, node.end_byte, b"") for node in strings]
    body = definition.child_by_field_name("body")
    if strings and body is not None:
        statements = [node for node in body.named_children if node.type != "comment"]
        if len(statements) == len(strings):
            edits[0] = (*edits[0][:2], b"pass")
    return edits


def _docstringless(source: bytes) -> bytes:
    root = parser(PYTHON.name).parse(source).root_node
    edits = docstring_edits(root)
    for node in root.named_children:
        inner = node.child_by_field_name("definition") or node
        if inner.type in ("function_definition", "class_definition"):
            edits += docstring_edits(inner)
    return edited(source, edits)


def _python_carriers(source: bytes) -> tuple[bool, list[Span]]:
    tree = parser(PYTHON.name).parse(source)
    pattern = "(comment) @comment (expression_statement) @statement"
    found = QueryCursor(compiled(PYTHON.name, pattern)).captures(tree.root_node)
    comments = sorted((node.start_byte, node.end_byte) for node in found.get("comment", []))
    strings = [
        (node.start_byte, node.end_byte)
        for node in found.get("statement", [])
        if is_bare_string(node)
    ]
    return tree.root_node.has_error, joined(source, comments) + strings
