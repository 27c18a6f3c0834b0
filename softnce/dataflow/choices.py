"""The mended rules of what runs one of several ways: cases, and attempts that may fail."""

from collections.abc import Iterable, Iterator

from softnce.dataflow.flow import States, united
from softnce.dataflow.syntax import Syntax
from softnce.dataflow.walk import Rule, Steps, Walk

_OTHERWISE = (("default",), ("else",), ("case", "_", ":"))  # how a case begins that is always taken
_JUMPS = frozenset({
    "break_statement", "return_statement", "continue_statement", "throw_statement",
    "yield_statement", "goto_statement",
})  # fmt: skip
_BLOCKS = frozenset({"block", "statement_block", "compound_statement"})
_HANDLERS = frozenset({"except_clause", "except_group_clause", "catch_clause", "rescue"})
_FINALS = frozenset({"finally_clause", "ensure"})


def cases(
    *kinds: str,
    heads: Iterable[str] = (),
    falls_through: Iterable[str] = (),
    is_exhaustive: bool = False,
) -> Rule:
    """Let each case start from what holds before them all, then unite what they leave.

    Args:
        kinds: types of the cases.
        heads: types of children whose own children are the choice's.
        falls_through: types of the cases from which the next one is reached, unless they jump away.
        is_exhaustive: whether one of them is always taken, whatever they say.
    """
    known, inner, falling = frozenset(kinds), frozenset(heads), frozenset(falls_through)

    def rule(walk: Walk, node: Syntax, states: States) -> Steps:
        left, is_complete = [], is_exhaustive
        above: States | None = None  # what the case above leaves, where it falls through
        for child in _flat(node, inner):
            if child.type not in known:
                states = yield child, states
                continue
            before = dict(states) if above is None else united([states, above])
            ended = yield child, before
            above = ended if child.type in falling and not _jumps(child) else None
            left.append(ended)
            is_complete = is_complete or _is_otherwise(walk, child)
        return united([*left, *([] if is_complete else [states])])

    return rule


def _flat(node: Syntax, heads: frozenset[str]) -> Iterator[Syntax]:
    for child in node.children:
        yield from child.children if child.type in heads else [child]


def _is_otherwise(walk: Walk, case: Syntax) -> bool:
    begins = walk.parsed.tokens[case.start : case.start + 3]
    return any(tuple(begins[: len(one)]) == one for one in _OTHERWISE)


def _jumps(case: Syntax) -> bool:
    """Tell whether a case ends by leaving the choice."""
    last: Syntax | None = case
    while last is not None and (last is case or last.type in _BLOCKS):
        last = next((one for one in reversed(last.children) if one.children), None)
    return last is not None and last.type in _JUMPS


def attempt(_: Walk, node: Syntax, states: States) -> Steps:
    """Let handlers start from what holds before or behind the attempt, which may fail anywhere."""
    before, handled = dict(states), list[States]()
    for child in node.children:
        if child.type in _HANDLERS:
            ended = yield child, united([before, states])
            handled.append(ended)
            continue
        if child.type in _FINALS:
            states, handled = united([states, *handled]), []
        states = yield child, states
    return united([states, *handled]) if handled else states
