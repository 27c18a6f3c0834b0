"""Ties: a setting computed from others by a little arithmetic, parsed and never evaluated as code.

Grammar: numbers, paths of settings, + - * / and parentheses.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from softnce.errors import ConfigError

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)"
    r"|(?P<path>[a-z][a-z_0-9]*(?:/[a-z][a-z_0-9]*)+)|(?P<mark>[-+*/()]))"
)
_OPERATIONS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_LONGEST = 300
Lookup = Callable[[str], float]


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed tie.

    Attributes:
        text: as written.
        paths: the settings it reads.
        value: computes it, given a lookup of settings.
    """

    text: str
    paths: tuple[str, ...]
    value: Callable[[Lookup], float]


def parse_expression(text: str, owner: str) -> Expression:
    """Parse a tie.

    Args:
        text: for example ``2 - weights/alpha``.
        owner: the tied setting, for messages.

    Raises:
        ConfigError: the text is not of the grammar.

    >>> parse_expression("2 - weights/alpha * 0.5", "weights/beta").value(lambda path: 1.0)
    1.5
    """
    if len(text) > _LONGEST:
        raise ConfigError(
            f"search.space {owner}: a tie of {len(text):,} characters",
            f"write at most {_LONGEST} characters",
        )
    parser = _Parser(text, owner)
    value = parser.sum()
    parser.require_end()
    return Expression(text, tuple(parser.paths), value)


class _Parser:
    """Recursive descent over the tokens of one tie."""

    def __init__(self, text: str, owner: str) -> None:
        self.paths: list[str] = []
        self._text, self._owner = text, owner
        self._tokens = self._split()

    def sum(self) -> Callable[[Lookup], float]:
        value = self._product()
        while self._next() in ("+", "-"):
            value = self._joined(self._take(), value, self._product())
        return value

    def require_end(self) -> None:
        if self._tokens:
            raise self._error(f"unexpected {self._tokens[0][1]}")

    def _product(self) -> Callable[[Lookup], float]:
        value = self._factor()
        while self._next() in ("*", "/"):
            value = self._joined(self._take(), value, self._factor())
        return value

    def _factor(self) -> Callable[[Lookup], float]:
        if not self._tokens:
            raise self._error("it ends where a number or a path should follow")
        kind, text = self._tokens.pop(0)
        if kind == "number":
            return lambda _: float(text)
        if kind == "path":
            self.paths.append(text)
            return lambda lookup: lookup(text)
        if text == "-":
            inner = self._factor()
            return lambda lookup: -inner(lookup)
        if text == "(":
            inner = self.sum()
            if self._next() != ")":
                raise self._error("a parenthesis is not closed")
            self._take()
            return inner
        raise self._error(f"unexpected {text}")

    def _joined(
        self, sign: str, left: Callable[[Lookup], float], right: Callable[[Lookup], float]
    ) -> Callable[[Lookup], float]:
        def joined(lookup: Lookup) -> float:
            try:
                return _OPERATIONS[sign](left(lookup), right(lookup))
            except ZeroDivisionError:
                raise self._error("it divides by zero") from None

        return joined

    def _next(self) -> str | None:
        return self._tokens[0][1] if self._tokens else None

    def _take(self) -> str:
        return self._tokens.pop(0)[1]

    def _split(self) -> list[tuple[str, str]]:
        tokens, place, text = [], 0, self._text.rstrip()
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise self._error(f"cannot read {text[place:].strip()[:20]!r}")
            tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            place = found.end()
        return tokens

    def _error(self, what: str) -> ConfigError:
        return ConfigError(
            f"search.space {self._owner}: tie {self._text!r}: {what}",
            "write numbers, paths like weights/alpha, + - * / and parentheses",
        )
