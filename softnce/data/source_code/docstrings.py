"""What a docstring says: its summary, its words, and whether it can serve as a query."""

import inspect
import re
from collections.abc import Iterable
from typing import Literal

Docstrings = Literal["auto", "strip", "keep"]  # what becomes of them: see data.docstrings
MIN_WORDS = 3  # the rule of the GraphCodeBERT-filtered set, and the least that proves a leak
MAX_WORDS = 256

_WORD = re.compile(r"\w+")
_LETTER = re.compile(r"[^\W\d_]")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
_FIELD = re.compile(
    r"^[^\S\n]*(?::\w[^:\n]*:|@\w|>>>|\.\. \w|"
    r"(?:Args|Arguments|Parameters|Params|Returns?|Raises|Yields|Examples?|Notes?)[^\S\n]*:?[^\S\n]*$)",
    re.MULTILINE,
)
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|\bhttps?:|\bftp:|\bwww\.")
_NOTE = re.compile(r"(?:todo|fixme|xxx)\b|see (?:\S+ ){0,3}\S+$", re.IGNORECASE)
_LICENCE = re.compile(
    r"copyright \(c\)|all rights reserved|spdx-license|licen[cs]ed under the", re.IGNORECASE
)
_CODE = re.compile(r";$|::=|^\W*\w+\s*(?::=|=)\s")
_BREAKS_OFF = re.compile(r":[\s`*_]*$")
_PARAMETER = re.compile(
    r"[`*]*[a-zA-Z_]\w*[`*]*\s*\((?:[^()]|\([^()]*\))*\)\s*(?::|--?\s)"  # x (int): the size
    r"|[`*]*[a-z_]\w*[`*]*\s?:"  # x: the size
    r"|[-*+•]\s"  # - x
)
_INSIDE_A_LIST = re.compile(r"-{4}|={4}|~{4}|\s:(?:param|type|rtype|returns?|raises?)\b[^:]*:\s")
_LITERAL = re.compile(r"('''|\"\"\"|'|\")(.*?)\1", re.DOTALL)
_GUTTER = re.compile(
    r"^[^\S\n]*(?:/\*+|\*+/|\*(?!\w)|//[/!]?|#+)[^\S\n]?|\*+/[^\S\n]*$", re.MULTILINE
)
_ENGLISH = re.compile(
    r"\b(?:the|an?|of|to|in|for|is|are|be|and|or|if|with|from|by|this|that|on|it|at|not|get|set|"
    r"returns?|create)\b"
)
_FOREIGN = re.compile(
    r"\b(?:der|das|und|ist|nicht|eine?|wird|werden|für|mit|den|dem|zu|le|la|les|des|une|est|pour|"
    r"dans|avec|sur|que|el|los|las|una|para|por|del|não|uma|os|em|il|di|che|een|het|van|voor|och|"
    r"att|som|är)\b"
)


def summary(docstring: str) -> str:
    """Shorten a docstring to the part that reads like a question (METHOD D.1).

    Source: CodeSearchNet; the text before the first blank line, cut at the first line that opens
    a field list (``:param x:``, ``@return``, ``Args:``, ``>>>``).

    >>> summary('''Join two  paths.
    ...
    ... More words.''')
    'Join two paths.'
    """
    head = _BLANK_LINE.split(inspect.cleandoc(docstring).strip(), maxsplit=1)[0]
    field = _FIELD.search(head)
    return " ".join((head[: field.start()] if field else head).split())


def unquoted(literal: str) -> str:
    """Read the text inside a Python string literal, adjacent literals joined."""
    parts = [match.group(2) for match in _LITERAL.finditer(literal)]
    return inspect.cleandoc("".join(parts).replace("\\\n", "").expandtabs())


def uncommented(comment: str) -> str:
    """Read the text inside a comment: its markers and its gutter of stars are taken off."""
    return inspect.cleandoc(_GUTTER.sub("", comment)).strip()


def squeezed(text: str) -> str:
    """Reduce a text to its lower-case words, so that layout and punctuation cannot hide it."""
    return " ".join(_WORD.findall(text.lower()))


def occurs(query: str, code: str) -> bool:
    r"""Tell whether a code gives its query away word for word; under three words prove nothing.

    >>> occurs("Join two paths.", "def f(): # join two\n  # paths")
    True
    """
    words = squeezed(query)
    return words.count(" ") + 1 >= MIN_WORDS and f" {words} " in f" {squeezed(code)} "


def occurring(texts: Iterable[str], code: str) -> list[str]:
    """Keep the texts that a code gives away word for word."""
    held = f" {squeezed(code)} "
    words = ((text, squeezed(text)) for text in dict.fromkeys(texts))
    return [text for text, own in words if own.count(" ") + 1 >= MIN_WORDS and f" {own} " in held]


def wording(query: str) -> re.Pattern[str]:
    """Compile the search for a query's own words in a raw text, whatever stands between them."""
    return re.compile(r"\W+".join(map(re.escape, _WORD.findall(query))) + r"\.?", re.IGNORECASE)


def has_markup(text: str) -> bool:
    """Tell whether a docstring holds tags or addresses, which no one types as a query."""
    return _MARKUP.search(text) is not None


def lists_parameters(text: str) -> bool:
    """Tell whether a docstring's opening describes parameters instead of what the function does.

    >>> lists_parameters("labels (list of int, *optional*): The classes."), lists_parameters("Sort")
    (True, False)
    """
    return _PARAMETER.match(text) is not None or _INSIDE_A_LIST.search(text) is not None


def is_english(text: str) -> bool:
    """Tell whether a docstring looks English: mostly ASCII letters, no run of foreign small words.

    >>> is_english("Gibt die Liste der Namen und das Alter zurück"), is_english("Sort the names")
    (False, True)
    """
    letters = _LETTER.findall(text)
    if sum(letter.isascii() for letter in letters) < 0.9 * len(letters) or not letters:
        return False
    lowered = text.lower()
    foreign = len(_FOREIGN.findall(lowered))
    return foreign < 2 or foreign <= len(_ENGLISH.findall(lowered))


def query_fault(query: str) -> str | None:
    """Name what keeps a docstring summary from being a query, or None (METHOD D.2)."""
    count = len(query.split())
    if count < MIN_WORDS:
        return f"docstring shorter than {MIN_WORDS} words"
    if count > MAX_WORDS:
        return f"docstring longer than {MAX_WORDS} words"
    if has_markup(query):
        return "docstring holds markup or an address"
    if lists_parameters(query):
        return "docstring opens with a list of parameters"
    if _NOTE.match(query) or _LICENCE.search(query) or _CODE.search(query):
        return "docstring is a note, a licence or code"
    if _BREAKS_OFF.search(query):
        return "docstring breaks off at a colon"
    return None if is_english(query) else "docstring does not look English"
