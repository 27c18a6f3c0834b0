"""Go: the comment lines right above a function, which open with its name."""

import re

from softnce.data.source_code.doc_comments import go_text
from softnce.data.source_code.language import BRACES, Language, Manifest, comment_run

_MODULE = re.compile(r"^module\s+\"?([^\s\"]+)", re.MULTILINE)


def _module(text: str) -> str:
    found = _MODULE.search(text)
    return found.group(1) if found else ""


def _grammar() -> object:
    import tree_sitter_go

    return tree_sitter_go.language()


GO = Language(
    name="go",
    suffixes=(".go",),
    grammar=_grammar,
    functions="""
        (function_declaration name: (identifier) @name body: (block)) @function
        (method_declaration name: (field_identifier) @name body: (block)) @function
    """,
    comments="(comment) @comment",
    strings="[(interpreted_string_literal) (raw_string_literal)] @string",
    documentation=comment_run(),
    doc_text=go_text,
    test_path=re.compile(r"_test\.go$|(?:^|/)(?:testdata|tests?)/"),
    skipped_path=(
        (
            re.compile(r"\.pb(?:\.gw)?\.go$|(?:^|[/._])zz_generated[._]|_string\.go$"),
            "generated file",
        ),
    ),
    skipped_name=(
        (re.compile(r"(?:String|GoString|Error)$"), "standard method"),
        (re.compile(r"(?:Test|Benchmark|Example|Fuzz)(?:_|[A-Z0-9]|$)"), "test function"),
    ),
    filler=BRACES,
    manifest=Manifest(re.compile(r"go\.mod$"), _module),
    opens_with_name=True,
)
