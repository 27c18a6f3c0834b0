"""What mining must know of one language, and where the comments of a file stand."""

import bisect
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import final

from tree_sitter import Node

from softnce.data.source_code.comments import Span

_TO_THE_NEXT = re.compile(rb"[^\S\n]*\n?[^\S\n]*")  # a blank line ends a run of comments
_FARTHEST = 2000  # bytes between a comment and what it documents


@final
class FileComments:
    """The comments of a file, in the order in which they stand; found when first asked for."""

    def __init__(self, content: bytes, find: Callable[[], Iterable[Span]]) -> None:
        self.content = content
        self._find = find

    @cached_property
    def _spans(self) -> list[Span]:
        return sorted(self._find())

    @cached_property
    def _starts(self) -> list[int]:
        return [start for start, _ in self._spans]

    def above(self, place: int, between: re.Pattern[bytes]) -> tuple[Span, ...]:
        """Find the run of comments right above a place; one behind code on its line is not of it.

        Args:
            place: first byte of a definition.
            between: what may stand between the last comment and the place.
        """
        run: list[Span] = []
        for index in range(bisect.bisect_left(self._starts, place) - 1, -1, -1):
            start, end = self._spans[index]
            below = run[-1][0] if run else place
            gap = _TO_THE_NEXT if run else between
            if below - end > _FARTHEST or not gap.fullmatch(self.content, end, below):
                break
            if self.content[self.content.rfind(b"\n", 0, start) + 1 : start].strip():
                break
            run.append((start, end))
        return tuple(reversed(run))

    def inside(self, start: int, end: int) -> list[Span]:
        """List the comments between two places."""
        first, last = (bisect.bisect_left(self._starts, place) for place in (start, end))
        return self._spans[first:last]


DocumentationRule = Callable[[Node, FileComments], tuple[Span, ...]]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The file in which a package of a language says its name.

    Attributes:
        file: matches the file's whole name.
        name: finds the package's name in its text; "" where it says none.
    """

    file: re.Pattern[str]
    name: Callable[[str], str]


def name_in_json(text: str) -> str:
    """Find the name of a package in a manifest of JSON: package.json, composer.json."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    name = found.get("name") if isinstance(found, dict) else None
    return name if isinstance(name, str) else ""


@dataclass(frozen=True, slots=True)
class Language:
    """What mining must know of one language.

    Attributes:
        name: as in a pair's ``language`` field.
        suffixes: of its files, lower case.
        grammar: loads the tree-sitter grammar from its wheel; nothing is fetched.
        functions: tree-sitter query; ``@function`` are the definitions, ``@name`` their names.
        comments: tree-sitter query; ``@comment`` are the comments.
        strings: tree-sitter query; ``@string`` are the strings.
        asides: tree-sitter query for what says as little to the machine as a comment; "" for none.
        documentation: finds what documents a function, inside it or above it.
        doc_text: turns its source into plain text.
        test_path: a relative path that matches holds tests.
        skipped_path: a relative path that matches is left out, with the reason.
        skipped_name: a function so named is no search result, with the reason.
        skipped_type: a definition of this node type is no search result, with the reason.
        filler: a line that matches is blank, or only closes what another opened.
        manifest: says the package's name; None where the folder says it.
        is_minified: whether its files may be code on one endless line.
        opens_with_name: whether a docstring by convention opens with the function's own name.
        dialect: tells its grammar from that of another row with the same name.
    """

    name: str
    suffixes: tuple[str, ...]
    grammar: Callable[[], object]
    functions: str
    comments: str
    strings: str
    documentation: DocumentationRule
    doc_text: Callable[[Sequence[str]], str]
    test_path: re.Pattern[str]
    skipped_path: tuple[tuple[re.Pattern[str], str], ...]
    skipped_name: tuple[tuple[re.Pattern[str], str], ...]
    filler: re.Pattern[str]
    skipped_type: Mapping[str, str] = field(default_factory=dict)
    manifest: Manifest | None = None
    asides: str = ""
    is_minified: bool = False
    opens_with_name: bool = False
    dialect: str = ""

    @property
    def key(self) -> str:
        """Name it apart from every other row of the table."""
        return self.dialect or self.name


BRACES = re.compile(r"[\s{}()\[\];,]*")  # the filler of languages with braces
_FILE_HEAD = re.compile(rb"(?:#![^\n]*)?\s*(?:<\?php)?\s*")  # what stands above a file's first line
NOTHING_BETWEEN = re.compile(rb"[^\S\n]*\n?[^\S\n]*")


def comment_run(between: re.Pattern[bytes] = NOTHING_BETWEEN) -> DocumentationRule:
    """Take the whole run of comments above a definition: the rule of Go and Ruby."""

    def found(definition: Node, comments: FileComments) -> tuple[Span, ...]:
        return comments.above(definition.start_byte, between)

    return found


def doc_block(between: re.Pattern[bytes] = NOTHING_BETWEEN) -> DocumentationRule:
    """Take the nearest ``/** ... */`` above a definition: the rule of Java, JavaScript and PHP.

    A blank line may part them, but for the first comment of a file, which is about the file.
    """
    after_blank_line = re.compile(rb"[^\S\n]*\n" + between.pattern, between.flags)

    def found(definition: Node, comments: FileComments) -> tuple[Span, ...]:
        run = comments.above(definition.start_byte, between)
        if not run:
            run = comments.above(definition.start_byte, after_blank_line)
            run = () if run and _FILE_HEAD.fullmatch(comments.content[: run[0][0]]) else run
        blocks = [span for span in run if comments.content.startswith(b"/**", span[0])]
        return tuple(blocks[-1:])

    return found
