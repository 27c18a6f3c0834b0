"""The languages whose functions can be mined: one entry each, nothing else to change."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import tree_sitter_python
from tree_sitter import Language as Grammar
from tree_sitter import Node, Parser, Query

from softnce.data.source_code.docstrings import unquoted
from softnce.errors import DataError

DocRule = Callable[[Node], tuple[Node, ...]]


@dataclass(frozen=True, slots=True)
class Language:
    """What mining must know of one language.

    Attributes:
        name: as in a pair's ``language`` field.
        suffixes: of its files, lower case.
        grammar: loads the tree-sitter grammar from its wheel; nothing is fetched.
        functions: tree-sitter query; ``@function`` are the definitions.
        comments: tree-sitter query; ``@comment`` are the comments.
        doc_nodes: the nodes that hold a function's documentation, inside it or before it.
        doc_text: their source, turned into plain text.
        test_path: a relative path that matches holds tests.
        skipped_name: a function so named is no search result, with the reason.
    """

    name: str
    suffixes: tuple[str, ...]
    grammar: Callable[[], object]
    functions: str
    comments: str
    doc_nodes: DocRule
    doc_text: Callable[[str], str]
    test_path: re.Pattern[str]
    skipped_name: tuple[tuple[re.Pattern[str], str], ...]


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


def preceding_comments(definition: Node) -> tuple[Node, ...]:
    """Find the run of comments right above a definition: the rule of Java, Go, Ruby, PHP, JS."""
    found: list[Node] = []
    below = definition
    while (above := below.prev_sibling) is not None and "comment" in above.type:
        if below.start_point.row - above.end_point.row > 1:
            break
        found.append(above)
        below = above
    return tuple(reversed(found))


PYTHON = Language(
    name="python",
    suffixes=(".py",),
    grammar=tree_sitter_python.language,
    functions="(function_definition) @function",
    comments="(comment) @comment",
    doc_nodes=leading_strings,
    doc_text=unquoted,
    test_path=re.compile(
        r"(?:^|/)(?:tests?|testsuite)/|(?:^|/)(?:test_[^/]*|[^/]*_test|conftest)\.py$"
    ),
    skipped_name=(
        (re.compile(r"__\w+__$"), "dunder function"),
        (re.compile(r"[tT]est(?:_|[A-Z]|$)|test"), "test function"),
    ),
)

LANGUAGES = {"python": PYTHON}


def language_named(name: str) -> Language:
    """Look a language up by the name a user typed.

    Raises:
        DataError: no entry of that name.
    """
    if name.lower() not in LANGUAGES:
        known = ", ".join(sorted(LANGUAGES))
        raise DataError(
            f"functions of language {name!r} cannot be mined",
            f"choose one of {known}",
        )
    return LANGUAGES[name.lower()]


@cache
def parser(name: str) -> Parser:
    """Build a language's parser once per process."""
    return Parser(grammar(name))


@cache
def grammar(name: str) -> Grammar:
    """Load a language's grammar once per process."""
    return Grammar(LANGUAGES[name].grammar())


@cache
def compiled(name: str, pattern: str) -> Query:
    """Compile a tree-sitter query once per process."""
    return Query(grammar(name), pattern)
