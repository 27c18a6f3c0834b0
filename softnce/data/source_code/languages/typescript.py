"""TypeScript, as JavaScript, with a grammar of its own for files that hold markup."""

import re
from dataclasses import replace

from softnce.data.source_code.language import doc_block
from softnce.data.source_code.languages.javascript import FUNCTIONS, JAVASCRIPT

_VALUE = "[(arrow_function) (function_expression) (generator_function)]"
_BEFORE = re.compile(
    rb"[^\S\n]*\n?[^\S\n]*(?:@[\w.]+(?:\((?:[^()]|\([^()]*\))*\))?\s+)*"  # decorators
    rb"(?:export\s+(?:default\s+)?)?(?:declare\s+)?"
)


def _grammar() -> object:
    import tree_sitter_typescript

    return tree_sitter_typescript.language_typescript()


def _grammar_with_markup() -> object:
    import tree_sitter_typescript

    return tree_sitter_typescript.language_tsx()


TYPESCRIPT = replace(
    JAVASCRIPT,
    name="typescript",
    suffixes=(".ts", ".mts", ".cts"),
    grammar=_grammar,
    functions=FUNCTIONS + f"(public_field_definition name: (_) @name value: {_VALUE}) @function",
    documentation=doc_block(_BEFORE),
    skipped_path=(
        (re.compile(r"\.d\.[cm]?ts$"), "declaration file"),
        (re.compile(r"[.-](?:generated|gen)\.tsx?$"), "generated file"),
    ),
)

TSX = replace(TYPESCRIPT, suffixes=(".tsx",), grammar=_grammar_with_markup, dialect="tsx")
