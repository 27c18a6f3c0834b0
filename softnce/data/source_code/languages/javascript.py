"""JavaScript: JSDoc above a function, a method, or what a function is assigned to."""

import re

from softnce.data.source_code.doc_comments import block_text
from softnce.data.source_code.language import BRACES, Language, Manifest, doc_block, name_in_json

BEFORE = re.compile(rb"[^\S\n]*\n?[^\S\n]*(?:export\s+(?:default\s+)?)?")
_VALUE = "[(arrow_function) (function_expression) (generator_function)]"
FUNCTIONS = f"""
    (function_declaration name: (identifier) @name) @function
    (generator_function_declaration name: (identifier) @name) @function
    (method_definition name: (_) @name) @function
    (lexical_declaration . (variable_declarator name: (identifier) @name value: {_VALUE}) .)
        @function
    (variable_declaration . (variable_declarator name: (identifier) @name value: {_VALUE}) .)
        @function
    (expression_statement (assignment_expression left: (_) @name right: {_VALUE})) @function
    (pair key: (_) @name value: {_VALUE}) @function
    (export_statement value: {_VALUE}) @function
"""
SKIPPED_NAMES = (
    (re.compile(r"constructor$"), "constructor"),
    (re.compile(r"(?:toString|toJSON|valueOf|toLocaleString|inspect)$"), "standard method"),
    (re.compile(r"test(?:_|[A-Z0-9]|$)"), "test function"),
)
TEST_PATH = re.compile(
    r"(?:^|/)(?:__tests__|__mocks__|tests?|specs?|e2e|fixtures)/|[._-](?:test|spec)\.[cm]?[jt]sx?$"
)


NPM = Manifest(re.compile(r"package\.json$"), name_in_json)


def _grammar() -> object:
    import tree_sitter_javascript

    return tree_sitter_javascript.language()


JAVASCRIPT = Language(
    name="javascript",
    suffixes=(".js", ".mjs", ".cjs", ".jsx"),
    grammar=_grammar,
    functions=FUNCTIONS + f"(field_definition property: (_) @name value: {_VALUE}) @function",
    comments="(comment) @comment",
    strings="[(string) (template_string)] @string",
    documentation=doc_block(BEFORE),
    doc_text=block_text,
    test_path=TEST_PATH,
    skipped_path=(
        (re.compile(r"[.-](?:min|bundle|umd|iife|bundled|packed)\.[cm]?js$"), "generated file"),
    ),
    skipped_name=SKIPPED_NAMES,
    filler=BRACES,
    manifest=NPM,
    is_minified=True,
)
