"""What a configuration may hold at all: not too much, not too deep, nothing that has no text."""

from collections.abc import Iterator, Mapping
from typing import Any

Location = tuple[str, ...]

MOST_VALUES = 10_000  # aliases counted as often as they are used
DEEPEST = 20
_KINDS = (Mapping, list, str, bool, int, float, type(None))
_SHOWN = 2  # parts of the location of what lies too deep


def first_fault(nested: Mapping[Any, Any]) -> tuple[Location, str] | None:
    """Find what keeps values read from YAML from being settings, and where it is.

    Nothing here follows a value into itself: an alias may hold its own mapping.
    """
    waiting: list[tuple[Location, Any]] = [((), nested)]
    count = 0
    while waiting:
        location, value = waiting.pop()
        count += 1
        if len(location) > DEEPEST:
            return location[:_SHOWN], f"nested deeper than {DEEPEST} levels"
        if count > MOST_VALUES:
            return (), f"more than {MOST_VALUES:,} values, each alias counted"
        if fault := _fault(value):
            return location, fault
        waiting += reversed(list(_inside(location, value)))
    return None


def _inside(location: Location, value: object) -> Iterator[tuple[Location, Any]]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            if _fault(key):
                yield location, key
            yield (*location, str(key)), one
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield (*location, str(index)), one


def _fault(value: object) -> str | None:
    if isinstance(value, str):
        return _text_fault(value)
    if isinstance(value, int) and value.bit_length() > 63:
        return "a whole number of more than 63 bits"
    if isinstance(value, _KINDS):
        return None
    return f"{value!r}"[:80] + " is no text, number, list or mapping: quote it if it is a text"


def _text_fault(text: str) -> str | None:
    if "\0" in text:
        return "holds a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"holds half of a character, {text[error.start]!a}: write it in UTF-8"
    return None
