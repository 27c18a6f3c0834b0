"""Whether two functions of one skeleton are one function with other names.

What a function binds itself may be called anything: two that differ in nothing else are the same.
Functions that take other things from elsewhere (``get("users")`` and ``get("pages")``, ``max`` and
``min``) are written alike and do different things; they are the same only where every name was
changed, as a machine or a copyist does who changes all of them.
"""

import builtins
import re
from collections.abc import Callable, Iterator, Sequence

from softnce.data.clones.skeleton import Skeleton

LEAST_BODY = 8  # tokens; a shorter body is everybody's, as one that only raises an error
_LONG = 24  # tokens from which functions of one skeleton are no accident
_MEDIUM = 16  # likewise, where they share a string of some length
_MIRRORED = 30
_TELLING = 6  # characters of such a string, with its quotes
_USUAL = frozenset(("self", "cls", "args", "kwargs"))
_BUILT_IN = _USUAL | set(dir(builtins))
_LEAST_CHANGED = 3  # names, for all to be all of something
_WORD = re.compile(r"[^\W\d]\w*")
_FILLED = re.compile(r"[#$]?\{[^{}]*\}|\$\w+")  # what a string takes from a variable
_DIGITS = re.compile(r"\d+")


def keys(found: Skeleton) -> Iterator[tuple[object, ...]]:
    """Yield what is left of a function when its own names are numbered.

    Functions that share one of them differ in nothing but names of their own. A name may stand in
    strings, too: as it is, in what they fill in, or anywhere.
    """
    if found.body < LEAST_BODY:
        return
    numbers = {name: f"~{number}" for number, name in enumerate(found.names) if name in found.bound}
    if found.own in found.bound:
        numbers[found.own] = "~"
    free = tuple(numbers.get(name, name) for name in found.names)
    inside = {name: number for name, number in numbers.items() if name != found.own}

    def numbered(text: re.Match[str]) -> str:
        return _WORD.sub(lambda word: inside.get(word[0], word[0]), text[0])

    ways: tuple[Callable[[str], str], ...] = (
        str,
        lambda text: _FILLED.sub(numbered, text),
        lambda text: _WORD.sub(numbered, text),
    )
    for way in ways:
        yield found.shape, free, found.members, tuple(map(way, found.strings))


def is_renamed(left: Skeleton, right: Skeleton) -> bool:
    """Tell whether every name was changed between two functions of one skeleton."""
    if min(left.body, right.body) < LEAST_BODY:
        return False
    pairs = list(zip(left.names, right.names, strict=True))
    members = zip(left.members, right.members, strict=True)
    changed = [(a, b) for a, b in (*members, *pairs) if a != b]
    if not _same_strings(left, right, dict(changed)):
        return False
    if _is_by_rule(changed) or _is_mirrored(left, right, changed) or _is_whole(left, right):
        return True
    own = [a != b for a, b in pairs if a in left.bound and a != left.own and not {a, b} & _USUAL]
    if len(own) < 2 or not all(own):
        return False
    is_telling = any(len(text) > _TELLING for text in left.strings)
    return left.length >= (_MEDIUM if is_telling else _LONG)


def _same_strings(left: Skeleton, right: Skeleton, changed: dict[str, str]) -> bool:
    strings = list(zip(left.strings, right.strings, strict=True))
    known = dict(changed)
    for a, b in strings:  # a name may stand nowhere else
        for one, other in zip(_filled_words(a), _filled_words(b), strict=False):
            known.setdefault(one, other)

    def translated(text: str) -> str:
        return _WORD.sub(lambda word: known.get(word[0], word[0]), text)

    def filled(text: str) -> str:
        return _FILLED.sub(lambda part: translated(part[0]), text)

    return all(b in (a, filled(a), translated(a)) for a, b in strings)


def _filled_words(text: str) -> list[str]:
    """List the words of what a string takes from variables."""
    return [word for part in _FILLED.findall(text) for word in _WORD.findall(part)]


def _is_whole(left: Skeleton, right: Skeleton) -> bool:
    """Tell whether each plain name was changed, and each member or none; what is built in stays.

    Two functions of people are rarely so: of 3,775 short Python ones, 7 are, by accident.
    """
    members = list(zip(left.members, right.members, strict=True))
    names = zip(left.names, right.names, strict=True)
    pairs = [(a, b) for a, b in names if a != b or a not in _BUILT_IN]
    if any(a != b for a, b in members):
        pairs += [(a, b) for a, b in members if a != b or a not in _BUILT_IN]
    is_changed = all(a != b for a, b in pairs)
    return is_changed and len(pairs) >= _LEAST_CHANGED and left.length >= _MEDIUM


def _is_mirrored(left: Skeleton, right: Skeleton, changed: Sequence[tuple[str, str]]) -> bool:
    """Tell whether a function's own names were changed, and members that are called alike.

    Short ones are setters of two properties.
    """
    own = {(a, b) for a, b in zip(left.names, right.names, strict=True) if a in left.bound}
    renamed = {pair for pair in changed if pair[0] != left.own}
    return left.length >= _MIRRORED and len(renamed) > 1 and renamed <= own


def _is_by_rule(changed: Sequence[tuple[str, str]]) -> bool:
    """Tell whether names got one and the same ending or beginning, or are numbered."""
    if len(changed) < 2:
        return False
    for old, new in (tuple(zip(*changed, strict=True)), tuple(zip(*changed, strict=True))[::-1]):
        if all(a in b for a, b in zip(old, new, strict=True)):
            affixes = {b.replace(a, "*", 1) for a, b in zip(old, new, strict=True)}
            if len(affixes) == 1 and (len(changed) > 2 or len(min(affixes)) > 2):
                return True
        if (
            len(changed) > 2
            and len({_DIGITS.sub("", b) for b in new}) == 1
            and all(map(_DIGITS.search, new))
        ):
            return True
    return False
