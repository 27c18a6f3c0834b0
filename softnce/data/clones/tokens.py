"""Cuts a code of any of the six languages into tokens, without its comments and docstrings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["comment", "string", "word", "number", "sign"]

_STRINGS = (
    r"(?:\b[rRbBuUfF]{1,2})?(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''"
    r"|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')|`[^`]*`"
)
_BLOCK, _SLASHES = r"/\*.*?\*/", r"//[^\n]*"
_COMMENTS = {
    "python": r"\#[^\n]*",
    "ruby": r"^=begin\b.*?^=end\b[^\n]*|\#(?!\{)[^\n]*",
    "php": rf"{_BLOCK}|{_SLASHES}|\#(?!\[)[^\n]*",
    "": f"{_BLOCK}|{_SLASHES}",
}
_INLINE = {"python": "(?!)", "ruby": "(?!)"}  # what is a comment on one line with code behind it


def _scanner(comment: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<comment>{comment})|(?P<string>{_STRINGS})|(?P<word>[^\W\d]\w*)|"
        r"(?P<number>\d\w*(?:\.(?:\d\w*|(?![\w.])))?(?:(?<=[eE])[+-]\d+)?)"
        r"|(?P<sign>[^\w\s])",
        re.DOTALL | re.MULTILINE,
    )


_SCANNERS = {language: _scanner(comment) for language, comment in _COMMENTS.items()}
_INLINE_SCANNERS = {one: _scanner(_INLINE.get(one, _BLOCK)) for one in _COMMENTS}
_PYTHON = re.compile(r"\s*(?:@|(?:async\s+)?def\s[^\n]*:|class\s+\w+[^\n{]*:)")
_RUBY = re.compile(r"\s*(?:def|class|module)\s(?:.*\bend\s*$)", re.DOTALL)
_PHP = re.compile(r"<\?php|(?:^|\s)function\s[^{]*\$\w|\$this->")
_QUOTES = re.compile(r"^\w*(?:\"\"\"|'''|[\"'`])|(?:\"\"\"|'''|[\"'`])$")
_KNOWN = ("python", "ruby", "php", "java", "javascript", "typescript", "go")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a code."""

    kind: Kind
    text: str


def language_of(code: str, language: str = "") -> str:
    """Return the language that a row names, or the one that its code looks like.

    >>> language_of("def f(x):"), language_of("def f(x) x end"), language_of("int f(int x) {}")
    ('python', 'ruby', '')
    """
    named = language.strip().lower()
    if named in _KNOWN:
        return named
    looks = (("ruby", _RUBY.match), ("python", _PYTHON.match), ("php", _PHP.search))
    return next((name for name, found in looks if found(code)), "")


def tokens(code: str, language: str) -> list[Token]:
    """Cut a code into tokens; comments and bare strings of Python are left out.

    Neighbouring strings are one, and a backslash that goes on on the next line is none.

    A code without line breaks was rebuilt from tokens: what looks like a line comment there would
    hide the rest, so it is kept.

    Args:
        code: a function's source, sound or broken.
        language: as ``language_of`` says; one without a scanner of its own is read like C.
    """
    found: list[Token] = []
    scanners = _SCANNERS if "\n" in code.strip() else _INLINE_SCANNERS
    for token in _kept(code, language, scanners.get(language, scanners[""])):
        if token.kind == "string" and found and found[-1].kind == "string":
            found[-1] = Token("string", found[-1].text[:-1] + token.text[1:])
        elif token.text != "\\":
            found.append(token)
    return found


def _kept(code: str, language: str, scanner: re.Pattern[str]) -> Iterator[Token]:
    depth = 0
    for found in scanner.finditer(code):
        kind, text = found.lastgroup, found[0]
        if kind == "comment":
            continue
        if kind == "sign":
            depth += (text in "([{") - (text in ")]}")
        elif kind == "string" and language == "python" and not depth and _is_bare(code, found):
            continue
        yield Token(kind, text)  # type: ignore[arg-type]


def unquoted(text: str) -> str:
    r"""Return what a string holds, whatever its quotes, prefix and backslashes.

    >>> unquoted('"a\\"b"'), unquoted("r'\\d'"), unquoted("'\\\\d'")
    ('a"b', 'd', 'd')
    """
    return _QUOTES.sub("", text).replace("\\", "")


def _is_bare(code: str, found: re.Match[str]) -> bool:
    """Tell whether a string is all of its lines: a docstring, or a comment in quotes."""
    before = code[code.rfind("\n", 0, found.start()) + 1 : found.start()]
    stop = code.find("\n", found.end())
    after = code[found.end() : stop if stop >= 0 else len(code)]
    return not before.strip() and not after.split("#")[0].strip()
