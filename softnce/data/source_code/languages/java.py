"""Java: Javadoc above the method; annotations belong to the method."""

import re

from softnce.data.source_code.doc_comments import block_text
from softnce.data.source_code.language import BRACES, Language, Manifest, doc_block

_PARENT = re.compile(r"<(parent|dependencies|build|profiles|modules)>.*?</\1>", re.DOTALL)
_ARTIFACT = re.compile(r"<artifactId>\s*([^<\s]+)\s*</artifactId>")


def _artifact(pom: str) -> str:
    found = _ARTIFACT.search(_PARENT.sub("", pom))
    return found.group(1) if found else ""


def _grammar() -> object:
    import tree_sitter_java

    return tree_sitter_java.language()


JAVA = Language(
    name="java",
    suffixes=(".java",),
    grammar=_grammar,
    functions="""
        (method_declaration name: (identifier) @name body: (block)) @function
        (constructor_declaration name: (identifier) @name) @function
        (compact_constructor_declaration name: (identifier) @name) @function
    """,
    comments="[(line_comment) (block_comment)] @comment",
    strings="(string_literal) @string",
    documentation=doc_block(),
    doc_text=block_text,
    test_path=re.compile(
        r"(?:^|/)(?:tests?|testFixtures|androidTest|integrationTest|jmh)/"
        r"|(?:^|/)(?:Test[A-Z]\w*|\w*(?:Tests?|TestCase|IT))\.java$"
    ),
    skipped_path=(
        (re.compile(r"(?:^|/)(?:generated|generated-sources)/|(?:^|/)R\.java$"), "generated file"),
    ),
    skipped_name=(
        (
            re.compile(r"(?:toString|hashCode|equals|clone|finalize|compareTo)$"),
            "standard method",
        ),
        (re.compile(r"test(?:_|[A-Z0-9]|$)|(?:setUp|tearDown)$"), "test function"),
    ),
    skipped_type={
        "constructor_declaration": "constructor",
        "compact_constructor_declaration": "constructor",
    },
    filler=BRACES,
    manifest=Manifest(re.compile(r"pom\.xml$"), _artifact),
)
