"""The skeleton of a function: its tokens, with every name replaced by the place it was first met.

Two functions that differ in names alone have the same skeleton. Names come in two kinds: those that
a function binds itself (its own name, parameters, variables), which may change without changing
what it does, and those it takes from elsewhere.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

from softnce.data.clones.tokens import Token, unquoted

_SHARED = "as async await break case catch class const continue default do else for goto if import "
_SHARED += "in new return super switch this throw try while yield null true false"
_WORDS = {
    "python": "False None True and as assert async await break class continue def del elif else "
    "except finally for from global if import in is lambda nonlocal not or pass raise return try "
    "while with yield",
    "ruby": "BEGIN END alias and begin break case class def defined do else elsif end ensure false "
    "for if in module next nil not or redo rescue retry return self super then true undef "
    "unless until when while yield",
    "go": "break case chan const continue default defer else fallthrough for func go goto if "
    "import interface map package range return select struct switch type var nil true false",
    "java": f"{_SHARED} abstract assert boolean byte char double enum extends final finally float "
    "implements instanceof int interface long native package private protected public short static "
    "strictfp synchronized throws transient void volatile var",
    "javascript": f"{_SHARED} debugger delete export extends finally function instanceof let of "
    "static typeof undefined var void with",
    "php": f"{_SHARED} abstract and array clone declare echo elseif empty endfor endforeach endif "
    "endwhile extends final finally fn foreach function global implements include instanceof "
    "interface isset list namespace or print private protected public require static trait unset "
    "use var xor",
}
_KEYWORDS = {language: frozenset(words.split()) for language, words in _WORDS.items()}
_ALL = frozenset[str]().union(*_KEYWORDS.values()) - {"self", "list", "map", "print", "type"}
_KEYED = ("javascript", "typescript", "ruby")  # where {name: value} quotes the name
_FAR = 14  # tokens behind `for` or `lambda` that may bind


@dataclass(slots=True)
class Skeleton:
    """What is left of a function without its names, and its names.

    Attributes:
        shape: its tokens, names as numbers, strings as one sign.
        names: the plain ones, as first met.
        members: names behind a dot, and keys: they never are variables of the function.
        strings: in order.
        own: the function's own name; empty where none was found.
        bound: of the plain names, those that the function binds, its own name included.
        length: number of tokens.
        body: number of tokens behind the parameters.
    """

    shape: str
    names: tuple[str, ...]
    members: tuple[str, ...]
    strings: tuple[str, ...]
    own: str
    bound: frozenset[str]
    length: int
    body: int


@dataclass(slots=True)
class _Reader:
    """A function's tokens, and what has been met of them."""

    words: list[str]
    is_name: list[bool]
    language: str
    heads: frozenset[int] = frozenset()  # the places between the parentheses of parameters
    depth: int = 0
    names: dict[str, int] = field(default_factory=dict)
    members: dict[str, int] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)  # from elsewhere, whatever is done with them

    def word(self, place: int) -> str:
        return self.words[place] if 0 <= place < len(self.words) else ""

    def name(self, place: int) -> str:
        """Number a name, and see whether it is bound here."""
        word = self.words[place]
        if self._is_member(place):
            return f".{self.members.setdefault(word, len(self.members))}"
        self._bind(place)
        return f"~{self.names.setdefault(word, len(self.names))}"

    def _is_member(self, place: int) -> bool:
        before, after = self.word(place - 1), self.word(place + 1)
        if before in (".", "@") or (self.word(place - 2) + before) in ("->", "::", "?."):
            return True
        if self._in_head(place):
            return False
        is_argument = after == "=" and self.word(place + 2) not in ("=", ">", "~")
        if self.language in ("python", "") and self.depth > 0 and is_argument:
            return True
        if self.language not in _KEYED:
            return False
        is_key = after == ":" and self.word(place + 2) != ":" and before in ("{", ",", "(", "|")
        return is_key or (self.language == "ruby" and before == ":")

    def _in_head(self, place: int) -> bool:
        return place in self.heads

    def _bind(self, place: int) -> None:
        before, after, then = self.word(place - 1), self.word(place + 1), self.word(place + 2)
        is_set = after == "=" and then not in ("=", "~")
        is_statement = self.depth <= 0 or self.language not in ("python", "")
        if (is_set and is_statement and not self._in_head(place)) or after + then in (":=", "=>"):
            self._bind_all_before(place)
        elif before in ("as", "def") or (self._in_head(place) and after != "."):
            self.bound.add(self.words[place])

    def _bind_all_before(self, place: int) -> None:
        """Bind ``a, b`` of ``a, b = ...``."""
        while True:
            self.bound.add(self.words[place])
            is_listed = self.word(place - 1) == "," and place > 1 and self.is_name[place - 2]
            if not is_listed or self.word(place - 3) in (".", "@"):
                return
            place -= 2

    def take_behind(self, place: int) -> None:
        """Note ``a, b`` of ``global a, b`` or ``import a, b``."""
        for later in range(place + 1, len(self.words), 2):
            if not self.is_name[later]:
                return
            self.taken.add(self.words[later])
            if self.word(later + 1) != ",":
                return

    def bind_behind(self, place: int) -> None:
        """Bind the variables of a loop, a lambda or a block."""
        for later in range(place + 1, min(place + _FAR, len(self.words))):
            if self.words[later] in ("in", ":", "|", ";"):
                return
            if self.is_name[later] and self.words[later - 1] != ".":
                self.bound.add(self.words[later])


def skeleton(tokens: Sequence[Token], language: str) -> Skeleton:
    """Take the names out of a function.

    Args:
        tokens: of a function, without comments.
        language: its name, or empty.
    """
    words = [token.text for token in tokens]
    keywords = _KEYWORDS.get(language, _ALL)
    is_name = [token.kind == "word" and token.text not in keywords for token in tokens]
    own, opening, closing = _head(words, is_name)
    inner = [_parentheses(words, place) for place in _openings(words)]
    heads = (range(start + 1, stop) for start, stop in [(opening, closing), *inner])
    reader = _Reader(words, is_name, language, frozenset(chain.from_iterable(heads)))
    shape = [_shape(reader, token, place, own) for place, token in enumerate(tokens)]
    return Skeleton(
        shape=" ".join(filter(None, shape)),
        names=tuple(reader.names),
        members=tuple(reader.members),
        strings=tuple(unquoted(token.text) for token in tokens if token.kind == "string"),
        own=words[own] if own >= 0 else "",
        bound=frozenset((reader.bound | ({words[own]} if own >= 0 else set())) - reader.taken),
        length=len(words),
        body=len(words) - 1 - max(closing, own),
    )


def _shape(reader: _Reader, token: Token, place: int, own: int) -> str:
    if place == own:
        return "~"  # a variable may be called as its function is
    if reader.is_name[place]:
        return reader.name(place)
    if token.kind == "string":
        return "S"
    if token.kind == "sign":
        reader.depth += (token.text in "([") - (token.text in ")]")
        if token.text in "()" or (token.text == "," and reader.word(place + 1) in (")", "]", "}")):
            return ""  # a formatter puts them in and takes them out
    opens_block = token.text == "|" and reader.word(place - 1) in ("{", "do")
    if opens_block or token.text in ("for", "lambda", "foreach"):
        reader.bind_behind(place)
    if token.text in ("global", "nonlocal", "import"):
        reader.take_behind(place)
    return number(token.text) if token.kind == "number" else token.text


def number(text: str) -> str:
    """Return a number as one writes it plainly, or as it is.

    >>> number("0x10"), number("1e3"), number("1.0"), number("3px")
    ('16', '1000.0', '1.0', '3px')
    """
    for read in (lambda one: int(one, 0), float):
        try:
            return str(read(text))
        except ValueError:
            continue
    return text


_OPENS = re.compile(r"[({:]")


def _head(words: Sequence[str], is_name: Sequence[bool]) -> tuple[int, int, int]:
    """Find a function's own name and the parentheses of its parameters; -1 where there is none."""
    if "def" in words[:20]:
        own = words.index("def") + 1
        while own + 2 < len(words) and words[own + 1] == ".":
            own += 2  # def self.name
        if own >= len(words):
            return -1, -1, -1
        is_open = own + 1 < len(words) and words[own + 1] == "("
        return own, *(_parentheses(words, own + 1) if is_open else (own, own))
    for place, word in enumerate(words):
        if word == "(" and place and is_name[place - 1]:
            return place - 1, *_parentheses(words, place)
        if _OPENS.match(word) and word != "(":
            break
    return next((place for place, name in enumerate(is_name) if name), -1), -1, -1


def _openings(words: Sequence[str]) -> list[int]:
    """Find where the parameters of functions begin, inner ones and those without a name too."""
    starts = [place + 1 for place, word in enumerate(words) if word in ("def", "function", "func")]
    return [
        place
        for start in starts
        for place in (start, start + 1)
        if words[place : place + 1] == ["("]
    ]


def _parentheses(words: Sequence[str], opening: int) -> tuple[int, int]:
    depth = 0
    for place in range(opening, len(words)):
        depth += (words[place] == "(") - (words[place] == ")")
        if not depth:
            return opening, place
    return opening, len(words)
