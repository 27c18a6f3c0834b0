"""The documentation of a function: what it says, and how to put some lines of it back."""

from collections.abc import Callable, Sequence

from softnce.data.source_code.comments import headless
from softnce.data.source_code.copies import carries
from softnce.data.source_code.docstrings import squeezed, uncommented, unquoted, wording
from softnce.data.source_code.languages.python import PYTHON, leading_strings
from softnce.data.source_code.parsing import parser

_OF_QUERY = 0.6  # share of a line's words that stand in the query, from which it repeats the query


def documentation_of(code: str, language: str) -> str:
    """Read what a code's docstring says (Python), or the comments above it; empty without.

    Args:
        code: a function's source, as found.
        language: its name, as ``without_query`` takes it.
    """
    source = code.encode()
    if language != PYTHON.name:
        left = headless(source, language)
        return uncommented(source[: len(source) - len(left)].decode()) if left != source else ""
    root = parser(PYTHON.name).parse(source).root_node
    for node in root.named_children:
        inner = node.child_by_field_name("definition") or node
        strings = leading_strings(inner) if inner.type == "function_definition" else ()
        if strings:
            return unquoted((strings[0].text or b"").decode())
    return ""


def other_lines(documentation: str, queries: Sequence[str]) -> list[str]:
    """Return the lines of a documentation that say something else than its queries.

    Args:
        documentation: plain text.
        queries: of its function; none of the lines left carries one, nor do all of them together.
    """
    left = documentation
    for query in queries:
        if squeezed(query):
            left = wording(query).sub("", left)
    query_words = {word for query in queries for word in squeezed(query).split()}
    lines = [line.rstrip() for line in left.splitlines() if _says_else(line, query_words)]
    told = "\n".join(lines)
    return [] if any(carries(query, told) for query in queries) else lines


def _says_else(line: str, query_words: set[str]) -> bool:
    words = squeezed(line).split()
    return sum(word not in query_words for word in words) > (1 - _OF_QUERY) * len(words)


def documented(code: str, lines: Sequence[str], language: str) -> str:
    """Put lines of documentation into a code: a docstring in Python, else a comment above it.

    Args:
        code: a function's source without documentation.
        lines: of plain text, at least one.
        language: its name; a code that opens on no line of its own stays as it is.
    """
    if language == PYTHON.name:
        return _with_docstring(code, lines)
    return _COMMENTS.get(language, _block)(lines) + code


def _with_docstring(code: str, lines: Sequence[str]) -> str:
    source = code.encode()
    for node in parser(PYTHON.name).parse(source).root_node.named_children:
        inner = node.child_by_field_name("definition") or node
        body = inner.child_by_field_name("body")
        if inner.type != "function_definition" or body is None:
            continue
        start = body.start_byte
        margin = source[source.rfind(b"\n", 0, start) + 1 : start].decode()
        if margin.strip():
            return code  # the body stands behind the head
        text = "\n".join(lines).strip().replace("\\", "\\\\").replace('"""', "'''")
        docstring = f'"""{text} """' if text.endswith('"') else f'"""{text}"""'
        put = docstring.replace("\n", f"\n{margin}").encode()
        return (source[:start] + put + f"\n{margin}".encode() + source[start:]).decode()
    return code


def _block(lines: Sequence[str]) -> str:
    inner = "".join(f" * {line}\n".replace("*/", "* /") for line in lines)
    return f"/**\n{inner} */\n"


def _each(mark: str) -> Callable[[Sequence[str]], str]:
    return lambda lines: "".join(f"{mark} {line}\n" for line in lines)


_COMMENTS = {"go": _each("//"), "ruby": _each("#")}
