"""Decides which text of each function is handed out: with its docstring, or without."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from softnce.data.records import Record, key_of
from softnce.data.source_code.docstrings import Docstrings
from softnce.data.source_code.documentation import documentation_of, documented, other_lines
from softnce.data.source_code.stripping import (
    is_python,
    without_carriers,
    without_query,
)
from softnce.data.splitting import hashed


@dataclass(frozen=True, slots=True)
class DocstringRule:
    """What becomes of docstrings and comments.

    Attributes:
        mode: keep: all stay; strip: docstrings go, and comments that carry a query; auto: those go
            that carry a query of their function, and the others stay.
        other_lines: share of the training functions without a docstring, in [0, 1], that get its
            other lines back: those that do not repeat the query.
    """

    mode: Docstrings = "auto"
    other_lines: float = 0.0


KEPT_UNLESS_COPIED = DocstringRule()


@dataclass(frozen=True, slots=True)
class CodeWithQueries:
    """A function as it was found, and what is asked of it.

    Attributes:
        source: its code as found.
        bare: the same without its docstring.
        language: its name; empty where no row says.
        queries: that ask for it; none of a function that no query asks for.
        own: its own description where its row has one, which ``strip`` takes for a query.
    """

    source: str
    bare: str
    language: str = ""
    queries: tuple[str, ...] = ()
    own: str = ""


def handed_out(functions: Sequence[CodeWithQueries], docstrings: Docstrings) -> list[str]:
    """Return the text of each function.

    With ``auto`` a docstring or comment goes where it carries a query that asks for its function,
    and stays elsewhere. A function that no query asks for is treated as most of the
    others are: a docstring that only wrong answers have would tell the right ones.

    Args:
        functions: of one codebase, or of a training split.
        docstrings: keep: as found; strip: none; auto: those that carry no query.
    """
    if docstrings == "keep":
        return [one.source for one in functions]
    if docstrings == "strip":
        return [_stripped(one) for one in functions]
    known: dict[CodeWithQueries, str] = {}
    told = left = 0
    for one in dict.fromkeys(functions):
        if one.queries:
            known[one] = without_carriers(one.source, one.queries, one.language)
            told += one.source not in (one.bare, known[one])
            left += known[one] == one.source != one.bare
    return [
        known[one] if one.queries else (one.source if left > told else one.bare)
        for one in functions
    ]


def _stripped(one: CodeWithQueries) -> str:
    first = without_query(one.source, [one.own] if one.own else one.queries[:1], one.language)
    return without_carriers(first, one.queries, one.language)


def function_of(item: Record, queries: Sequence[str]) -> CodeWithQueries:
    """Return the function of a complete record, with the queries that ask for it."""
    distinct = tuple(dict.fromkeys(queries))
    return CodeWithQueries(item.source, item.code, item.language, distinct, item.query)


def training_texts(
    found: Sequence[Record], held_out: Mapping[str, Sequence[str]], rule: DocstringRule, seed: int
) -> tuple[list[CodeWithQueries], list[str], list[tuple[str, ...]]]:
    """Return each training pair's function, its text, and the texts of its hard negatives.

    A hard negative that is the function of another pair has the same text in both places.

    Args:
        found: complete records.
        held_out: the queries of the functions that are searched, by key: where one of them is
            trained on, too, it is read as what all its queries ask for.
        rule: what becomes of docstrings.
        seed: of the draw of ``rule.other_lines``.
    """
    queries_of: dict[str, list[str]] = {}
    for item in found:
        queries_of.setdefault(key_of(item), []).append(item.query)
    for key in queries_of.keys() & held_out.keys():
        queries_of[key] += held_out[key]
    functions = [function_of(item, queries_of[key_of(item)]) for item in found]
    opposed = [
        CodeWithQueries(raw, bare, item.language)
        for item in found
        for raw, bare in zip(item.opposed, item.negatives, strict=True)
    ]
    texts = handed_out([*functions, *opposed], rule.mode)
    own = texts[: len(found)]
    if rule.other_lines and rule.mode != "keep":
        own = [
            text
            if _share_of(key_of(item), seed) >= rule.other_lines
            else _with_other_lines(text, one, item.docstring)
            for item, one, text in zip(found, functions, own, strict=True)
        ]
    known = {one.source: text for one, text in zip(functions, own, strict=True)}
    spoken = [known.get(o.source, t) for o, t in zip(opposed, texts[len(found) :], strict=True)]
    return functions, own, _by_pair(found, spoken, rule.mode)


def _by_pair(
    found: Sequence[Record], spoken: Sequence[str], mode: Docstrings
) -> list[tuple[str, ...]]:
    """Deal the texts of all hard negatives out; none of a pair's own carries its query."""
    left = iter(spoken)
    dealt = [(item, tuple(itertools.islice(left, len(item.negatives)))) for item in found]
    if mode == "keep":
        return [texts for _, texts in dealt]
    return [
        tuple(without_carriers(text, [item.query], item.language) for text in texts)
        for item, texts in dealt
    ]


def _share_of(key: str, seed: int) -> float:
    """Draw a number in [0, 1) for a function, by its name and the seed alone."""
    return int.from_bytes(hashed(key, seed)[:6]) / 2**48


def _with_other_lines(text: str, function: CodeWithQueries, documentation: str) -> str:
    """Give a function those lines of its docstring back that say something else than its queries.

    Args:
        text: of the function, as handed out.
        function: as it was found.
        documentation: its docstring where a column holds it, else empty.
    """
    if text != function.bare:
        return text
    language = "python" if is_python(text, function.language.strip().lower()) else function.language
    found = documentation_of(function.source, language) or documentation
    lines = other_lines(found, function.queries)
    return documented(text, lines, language) if lines else text
