"""Grammars, parsers and queries of tree-sitter, each built once per process."""

from functools import cache

from tree_sitter import Language as Grammar
from tree_sitter import Parser, Query

from softnce.data.source_code.languages.table import LANGUAGES


@cache
def parser(key: str) -> Parser:
    """Build a language's parser.

    Args:
        key: of its row in ``LANGUAGES``: its name, or ``tsx``.
    """
    return Parser(grammar(key))


@cache
def grammar(key: str) -> Grammar:
    """Load a language's grammar."""
    return Grammar(LANGUAGES[key].grammar())


@cache
def compiled(key: str, pattern: str) -> Query:
    """Compile a tree-sitter query."""
    return Query(grammar(key), pattern)
