"""What a documentation comment says, by the conventions of its language, as plain text."""

import html
import inspect
import re
from collections.abc import Sequence

_STAR = re.compile(r"^[^\S\n]*\*+[^\S\n]?", re.MULTILINE)
_BLOCK_TAG = re.compile(
    r"^[^\S\n]*@\w|(?<=\s)@(?:internal|private|protected|public|hidden|beta|alpha|readonly|param|"
    r"returns?|throws|deprecated|since|see|type)\b",
    re.MULTILINE,
)
_DESCRIPTION = re.compile(
    r"^[^\S\n]*@(?:description|desc|summary)\b[^\S\n]*(.*?)(?=^[^\S\n]*@\w|\Z)",
    re.MULTILINE | re.DOTALL,
)
_INHERITED = re.compile(r"\{?@inherit[dD]oc\b\}?")
_LABELLED = re.compile(r"\[([^\]\n]*)\]\{@link[^{}]*\}")
_LINK = re.compile(r"\{@(?:link|linkplain|linkcode|see|tutorial)\s+([^{}]*)\}")
_TARGET = re.compile(r"#?([^\s|(]+(?:\([^()]*\))?)[\s|]*(.*)", re.DOTALL)
_INLINE = re.compile(r"\{@\w+\s*((?:[^{}]|\{[^{}]*\})*)\}")
_PARAGRAPH = re.compile(
    r"</?(?:p|ul|ol|li|dl|dt|dd|pre|h[1-6]|table|t[rhd]|blockquote|div|hr|center)\b[^<>]*>",
    re.IGNORECASE,
)
_TAG = re.compile(
    r"</?(?:a|b|i|u|em|tt|br|code|strong|span|sup|sub|var|kbd|samp|font|small|big|cite|dfn)"
    r"\b[^<>]*>|<!--.*?-->",
    re.IGNORECASE | re.DOTALL,
)
_GO_DIRECTIVE = re.compile(r"//(?:go:|export |extern |line |lint:|nolint\b)|//\s*\+build ")
_RUBY_MAGIC = re.compile(
    r"\s*#+\s*(?:-\*-|!|(?:frozen_string_literal|encoding|coding|typed|rubocop|warn_indent|"
    r"standard|sord|steep|simplecov|brakeman):|:\w+:\s*$|@!|={3,}|-{3,}|\*{3,}|#{3,})"
)
_RUBY_HIDDEN = re.compile(r"^--[^\S\n]*$.*?(?:^\+\+[^\S\n]*$|\Z)", re.MULTILINE | re.DOTALL)
_RUBY_END = re.compile(r"^[^\S\n]*@\w|^=+[^\S\n]", re.MULTILINE)
_CALL_SEQUENCE = re.compile(r"^:?call-seq:[^\S\n]*\n(?:[^\S\n]+\S.*\n?|\n(?=[^\S\n]+\S))*", re.M)
_VERBATIM = re.compile(r"(?<=\S)\n(?=(?:[^\S\n]{2,}|\t)\S)")
_RUBY_CODE = re.compile(r"(?<![\w+])\+([\w:.?!#=]+)\+(?![\w+])")
_RUBY_LABEL = re.compile(r"\{([^{}\n]+)\}\[[^\]\n]+\]")


def block_text(comments: Sequence[str]) -> str:
    r"""Read a ``/** ... */`` comment: its tags are cut off, links become their texts, HTML goes.

    >>> block_text(["/** Adds <b>x</b> to {@link java.util.List}.\n * @param x it\n */"])
    'Adds x to java.util.List.'
    """
    inner = comments[0].replace("\r\n", "\n").strip().removeprefix("/**").removesuffix("*/")
    text = _STAR.sub("", inner.rstrip("* \t"))
    tag = _BLOCK_TAG.search(text)
    said = text[: tag.start()] if tag else text
    if not said.strip() and (described := _DESCRIPTION.search(text)):
        said = described.group(1)
    return plain_html(_without_inline_tags(said))


def _without_inline_tags(text: str) -> str:
    text = _LABELLED.sub(r"\1", _INHERITED.sub("", text).lstrip(" \t\n.,;:"))
    return _INLINE.sub(r"\1", _LINK.sub(lambda link: _linked(link.group(1)), text))


def _linked(content: str) -> str:
    parts = _TARGET.match(content.strip())
    return (parts.group(2).strip() or parts.group(1)) if parts else content


def plain_html(text: str) -> str:
    """Take the HTML of a documentation off: its paragraphs stay apart, any other tag stays."""
    apart = _PARAGRAPH.sub("\n\n", text)
    return inspect.cleandoc(html.unescape(_TAG.sub("", apart))).strip()


def go_text(comments: Sequence[str]) -> str:
    r"""Read the comment lines above a Go function; directives to tools are left out.

    >>> go_text(["// Add sums.", "//go:noinline"])
    'Add sums.'
    """
    kept = [_uncommented(one) for one in comments if not _GO_DIRECTIVE.match(one)]
    return _VERBATIM.sub("\n\n", inspect.cleandoc("\n".join(kept)).strip(), count=1)


def _uncommented(comment: str) -> str:
    comment = comment.replace("\r\n", "\n").rstrip()
    if comment.startswith("/*"):
        return inspect.cleandoc(_STAR.sub("", comment[2:].removesuffix("*/")))
    return comment.lstrip("/").removeprefix(" ")


def ruby_text(comments: Sequence[str]) -> str:
    r"""Read the comment lines above a Ruby method, RDoc or YARD; what tools are told is left out.

    >>> ruby_text(["##", "# Adds +x+.", "#", "# @param x [Integer] it"])
    'Adds x.'
    """
    lines = [line for one in comments if not _RUBY_MAGIC.match(one) for line in _hashless(one)]
    text = _RUBY_HIDDEN.sub("", inspect.cleandoc("\n".join(lines)).strip())
    text = _CALL_SEQUENCE.sub("", text.lstrip()).lstrip()
    end = _RUBY_END.search(text)
    text = _RUBY_LABEL.sub(r"\1", _RUBY_CODE.sub(r"\1", text[: end.start()] if end else text))
    return plain_html(_VERBATIM.sub("\n\n", text, count=1))


def _hashless(comment: str) -> list[str]:
    if comment.startswith("=begin"):
        return comment.replace("\r\n", "\n").rstrip().removesuffix("=end").split("\n")[1:]
    return [comment.rstrip().lstrip("#").removeprefix(" ")]
