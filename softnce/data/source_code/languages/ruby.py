"""Ruby: the comment lines right above a method, in RDoc or YARD."""

import re

from softnce.data.source_code.doc_comments import ruby_text
from softnce.data.source_code.language import Language, Manifest, comment_run

_BEFORE = re.compile(
    rb"[^\S\n]*\n?[^\S\n]*"
    rb"(?:(?:private|protected|public|module_function|private_class_method|memoize)[^\S\n]+)?"
)
_NAME = re.compile(r"^\s*\w+\.name\s*=\s*['\"]([^'\"]+)['\"]", re.MULTILINE)


def _gem_name(text: str) -> str:
    found = _NAME.search(text)
    return found.group(1) if found else ""


def _grammar() -> object:
    import tree_sitter_ruby

    return tree_sitter_ruby.language()


RUBY = Language(
    name="ruby",
    suffixes=(".rb",),
    grammar=_grammar,
    functions="""
        (method name: (_) @name) @function
        (singleton_method name: (_) @name) @function
    """,
    comments="(comment) @comment",
    strings="[(string) (chained_string) (heredoc_body)] @string",
    documentation=comment_run(_BEFORE),
    doc_text=ruby_text,
    test_path=re.compile(
        r"(?:^|/)(?:tests?|specs?|features)/|(?:^|/)test_[^/]*\.rb$|_(?:test|spec)\.rb$"
    ),
    skipped_path=((re.compile(r"(?:^|/)(?:db/schema|parser\.tab)\.rb$"), "generated file"),),
    skipped_name=(
        (re.compile(r"initialize(?:_copy|_dup|_clone)?$"), "constructor"),
        (
            re.compile(
                r"(?:to_s|to_str|inspect|hash|==|===|eql\?|<=>|method_missing|respond_to_missing\?)$"
            ),
            "standard method",
        ),
        (re.compile(r"test_|(?:setup|teardown)$"), "test function"),
    ),
    filler=re.compile(r"\s*(?:end|[})\]])?[\s,;)}\]]*"),
    manifest=Manifest(re.compile(r".+\.gemspec$"), _gem_name),
)
