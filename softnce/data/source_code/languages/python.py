"""Python: the docstring is the bare string that opens the body."""

import re

from tree_sitter import Node

from softnce.data.source_code.comments import Span
from softnce.data.source_code.docstrings import unquoted
from softnce.data.source_code.language import FileComments, Language


def leading_strings(definition: Node) -> tuple[Node, ...]:
    """Find the bare strings that open a Python body: the docstring, and any that follow it."""
    body = definition.child_by_field_name("body") or definition
    found = []
    for statement in body.named_children:
        if statement.type == "comment":
            continue
        if not is_bare_string(statement):
            break
        found.append(statement)
    return tuple(found)


def is_bare_string(statement: Node) -> bool:
    """Tell whether a Python statement is nothing but plain text in quotes."""
    node = statement
    while node.type in ("expression_statement", "parenthesized_expression"):
        inner = [child for child in node.named_children if child.type != "comment"]
        if len(inner) != 1:
            return False
        node = inner[0]
    parts = node.named_children if node.type == "concatenated_string" else [node]
    return all(_is_text(part) for part in parts if part.type != "comment")


def _is_text(node: Node) -> bool:
    if node.type != "string" or not node.children:
        return False
    prefix = (node.children[0].text or b"").lower()
    return b"f" not in prefix and b"b" not in prefix


def _documentation(definition: Node, _: FileComments) -> tuple[Span, ...]:
    return tuple((node.start_byte, node.end_byte) for node in leading_strings(definition))


def _grammar() -> object:
    import tree_sitter_python

    return tree_sitter_python.language()


PYTHON = Language(
    name="python",
    suffixes=(".py",),
    grammar=_grammar,
    functions="(function_definition name: (identifier) @name) @function",
    comments="(comment) @comment",
    strings="(string) @string (concatenated_string) @string",
    asides="(expression_statement [(string) (concatenated_string)]) @aside",
    documentation=_documentation,
    doc_text=lambda strings: unquoted(strings[0]),
    test_path=re.compile(
        r"(?:^|/)(?:tests?|testsuite)/|(?:^|/)(?:test_[^/]*|[^/]*_test|conftest)\.py$"
    ),
    skipped_path=((re.compile(r"_pb2(?:_grpc)?\.py$"), "generated file"),),
    skipped_name=(
        (re.compile(r"__\w+__$"), "dunder function"),
        (re.compile(r"[tT]est(?:_|[A-Z]|$)|test"), "test function"),
    ),
    filler=re.compile(r"\s*"),
)
