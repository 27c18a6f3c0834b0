"""Takes a query's text out of its code, where a docstring or a comment carries it."""

import re
from collections.abc import Iterable, Sequence

from tree_sitter import Node, QueryCursor

from softnce.data.source_code.comments import Span, comment_runs, headless, joined
from softnce.data.source_code.copies import carries, may_be_carried
from softnce.data.source_code.docstrings import occurs, wording
from softnce.data.source_code.languages.python import PYTHON, is_bare_string, leading_strings
from softnce.data.source_code.parsing import compiled, parser

Edit = tuple[int, int, bytes]  # start, end, and what to put there

_OTHERS = ("go", "java", "javascript", "php", "ruby", "typescript")
_PYTHON_HEAD = re.compile(
    r"\s*(?:@[^\n]*\n\s*)*(?:async\s+)?(?:def\s+\w+\s*\((?!.*\bend\s*$)|class\s+\w+[^\n{]*:)",
    re.DOTALL,
)
_PREFIX = re.compile(r"^[rRuU]{1,2}(?=[\"'])")  # of a string: no word of it
_OPENING_STRING = re.compile(
    r"(?:^|:)(?:[\s\\(]|#[^\n]*\n)*[rRuU]{0,2}[\"']"
)  # cheaper than a parse


def without_query(code: str, queries: Sequence[str], language: str) -> str:
    """Hand out a code without its docstring, nor its own query in a comment.

    Args:
        code: a function's source, as found; any indentation, any Python, sound or broken.
        queries: what is asked of it; those of three words and more are looked for.
        language: its name; empty, misspelt or unknown means Python where the code looks like it.

    Returns:
        The code without its docstring (Python) or leading comments (other languages), and without
        the comments that carry a query. A string in use may still hold it: ``occurs`` tells.
    """
    language = language.strip().lower()
    if not is_python(code, language):
        stripped = headless(code.encode(), language).decode()
    else:
        stripped = _docstringless(code.encode()).decode() if _OPENING_STRING.search(code) else code
    return without_carriers(stripped, queries, language)


def without_carriers(code: str, queries: Sequence[str], language: str) -> str:
    """Hand out a code without the docstrings and comments that carry a query; the others stay.

    Args:
        code: a function's source, as ``without_query`` takes it.
        queries: what is asked of it, as there.
        language: its name, as there.
    """
    language = language.strip().lower()
    of_python = is_python(code, language)
    told = [query for query in queries if may_be_carried(query, code)]
    if told:
        source = code.encode()
        edits = _python_edits(source) if of_python else _cuts(comment_runs(source, language))
        cut = edited(source, [one for one in edits if _is_told(source, one, told)]).decode()
        code = cut if cut.strip() else code
    for query in told:
        if occurs(query, code):
            source = code.encode()
            is_broken, spans = (
                _python_carriers(source) if of_python else (False, comment_runs(source, language))
            )
            code = _without_wording(code, query, spans, is_broken=is_broken)
    return code


def is_python(code: str, language: str) -> bool:
    """Tell whether a code is Python: its language says so, or says nothing and it looks like it."""
    return language == PYTHON.name or (
        language not in _OTHERS and _PYTHON_HEAD.match(code) is not None
    )


def _cuts(spans: Iterable[Span]) -> list[Edit]:
    return [(start, end, b"") for start, end in spans]


def _python_edits(source: bytes) -> list[Edit]:
    """Plan the removal of every docstring, bare string and run of comments."""
    root = parser(PYTHON.name).parse(source).root_node
    edits = {edit[:2]: edit for edit in _cuts(_python_carriers(source)[1])}
    return list((edits | {edit[:2]: edit for edit in _docstring_edits(root)}).values())


def _is_told(source: bytes, edit: Edit, queries: Sequence[str]) -> bool:
    """Tell whether a docstring or comment carries a query, and ends before the code goes on.

    Where the whole code is one line, its line comments seem to hold all that stands behind them.
    """
    text = _PREFIX.sub("", source[edit[0] : edit[1]].decode())
    is_endless = text.startswith(("#", "//")) and b"\n" not in source.strip()
    return not is_endless and any(carries(query, text) for query in queries)


def _without_wording(code: str, query: str, spans: list[Span], *, is_broken: bool) -> str:
    """Take a query's own words out where no docstring or comment ends around them."""
    source = code.encode()
    is_held = any(occurs(query, source[start:end].decode()) for start, end in spans)
    return wording(query).sub("", code) if is_held or is_broken else code


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
    return edited(source, _docstring_edits(parser(PYTHON.name).parse(source).root_node))


def _docstring_edits(root: Node) -> list[Edit]:
    edits = docstring_edits(root)
    for node in root.named_children:
        inner = node.child_by_field_name("definition") or node
        if inner.type in ("function_definition", "class_definition"):
            edits += docstring_edits(inner)
    return edits


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
