"""Groups functions that are the same, from the plainest sense of it to the widest."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b

from softnce.data.clones.renaming import is_renamed, keys
from softnce.data.clones.skeleton import Skeleton, skeleton
from softnce.data.clones.tokens import Token, language_of, tokens, unquoted
from softnce.data.dedup import Groups, Shingles, code_tokens, near_duplicates, shingles

KINDS = ("exact", "layout", "near", "renamed")
VERSION = 3  # of the rules, for the names of cached groups
_COMPARED = 50  # functions of one skeleton that each is compared with
_TOLD = 500  # functions between two words on the progress

Progress = Callable[[str, int, int], None]


def silent(phase: str, done: int, total: int) -> None:
    """Take what is told of long work, and show nothing."""


@dataclass(frozen=True, slots=True)
class Clones:
    """Which functions are the same, in four senses, each of which takes in the one before.

    Attributes:
        exact: the same text.
        layout: the same but for layout, letter case, comments and docstrings.
        near: nearly the same: a likeness of 0.85 of their token trigrams, or the above.
        renamed: the same but for names, or the above: the groups that count.
    """

    exact: list[int]
    layout: list[int]
    near: list[int]
    renamed: list[int]

    @property
    def groups(self) -> list[int]:
        """Name each function's group, in the widest sense, by its first member."""
        return self.renamed

    def kind(self, left: int, right: int) -> str:
        """Say in which sense two functions of one group are the same."""
        senses = {kind: getattr(self, kind) for kind in KINDS}
        return next(kind for kind, names in senses.items() if names[left] == names[right])


def clones(
    codes: Sequence[str],
    languages: Sequence[str] | None = None,
    progress: Progress = silent,
) -> Clones:
    """Group the functions that are the same.

    Linear in their number but for those that share a skeleton; nothing is kept of a function but
    its trigrams and two digests.

    Args:
        codes: their sources.
        languages: of each; where it is empty, the code is looked at.
        progress: is told the phase, how much of it is done, and of how much.
    """
    named = languages or [""] * len(codes)
    spoken = [language_of(code, one) for code, one in zip(codes, named, strict=True)]
    sets: list[Shingles] = []
    plain: list[bytes] = []
    shapes: dict[bytes, list[int]] = defaultdict(list)
    for index, code in enumerate(codes):
        if index % _TOLD == 0:
            progress("reading functions", index, len(codes))
        own = tokens(code, spoken[index])
        words = _words(own, code)
        sets.append(shingles(words))
        plain.append(_digest("\0".join(words)))
        shapes[_digest(skeleton(own, spoken[index]).shape)].append(index)
    progress("comparing functions", 0, 1)
    exact, layout = _firsts(codes), _firsts(plain)
    near = Groups(near_duplicates(sets, tell=partial(progress, "comparing functions")))
    for index, first in enumerate(layout):
        near.join(first, index)
    found = near.roots()
    renamed = Groups(found)
    for members in shapes.values():
        if len({found[index] for index in members}) > 1:
            _join_renamed(renamed, members, codes, spoken)
    progress("comparing functions", 1, 1)
    return Clones(exact, layout, found, renamed.roots())


def _words(own: Sequence[Token], code: str) -> list[str]:
    """Return a function's words and signs without comments; all of it where nothing else is."""
    texts = (unquoted(token.text) if token.kind == "string" else token.text for token in own)
    return code_tokens(" ".join(texts).lower() or code.lower())


def _digest(text: str) -> bytes:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()


def _firsts(texts: Iterable[Hashable]) -> list[int]:
    seen: dict[Hashable, int] = {}
    return [seen.setdefault(text, index) for index, text in enumerate(texts)]


def _join_renamed(
    groups: Groups, members: Sequence[int], codes: Sequence[str], languages: Sequence[str]
) -> None:
    """Join the functions of one skeleton that differ in names of their own, or in all names."""
    seen: dict[tuple[object, ...], int] = {}
    leaders: dict[int, Skeleton] = {}
    for index in members:
        own = skeleton(tokens(codes[index], languages[index]), languages[index])
        for key in keys(own):
            groups.join(seen.setdefault(key, index), index)
        leader = groups.root(index)
        if leader in leaders:
            continue
        for other, theirs in list(leaders.items())[:_COMPARED]:
            if is_renamed(theirs, own):
                groups.join(other, index)
                break
        else:
            leaders[groups.root(index)] = own
