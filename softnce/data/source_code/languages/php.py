"""PHP: a PHPDoc block above the function; attributes belong to the function."""

import re

from softnce.data.source_code.doc_comments import block_text
from softnce.data.source_code.language import BRACES, Language, Manifest, doc_block, name_in_json


def _grammar() -> object:
    import tree_sitter_php

    return tree_sitter_php.language_php()


PHP = Language(
    name="php",
    suffixes=(".php", ".inc", ".phtml"),
    grammar=_grammar,
    functions="""
        (function_definition name: (name) @name body: (compound_statement)) @function
        (method_declaration name: (name) @name body: (compound_statement)) @function
    """,
    comments="(comment) @comment",
    strings="[(string) (encapsed_string) (heredoc) (nowdoc)] @string",
    documentation=doc_block(),
    doc_text=block_text,
    test_path=re.compile(r"(?:^|/)[tT]ests?/|Test(?:Case)?\.php$"),
    skipped_path=(
        (
            re.compile(r"(?:^|/)(?:autoload_\w+|ClassLoader|InstalledVersions)\.php$"),
            "generated file",
        ),
    ),
    skipped_name=(
        (re.compile(r"__construct$"), "constructor"),
        (re.compile(r"__\w+$"), "magic method"),
        (re.compile(r"test(?:_|[A-Z0-9]|$)|(?:setUp|tearDown)$"), "test function"),
    ),
    filler=BRACES,
    manifest=Manifest(re.compile(r"composer\.json$"), name_in_json),
)
