"""The rules of data flow with the holes of the official ones mended.

What differs: an occurrence has one flow with all its sources; ``x += y`` comes from the old x too;
only lists are assigned part by part; a branch with an ``else`` forgets what held before it; a loop
may run no time at all; and every language has a rule for all its assignments, branches and loops.
"""

from collections.abc import Callable, Iterable

from softnce.dataflow.flow import Relation, States, united
from softnce.dataflow.syntax import Syntax
from softnce.dataflow.walk import Rule, Steps, Walk, children

Ends = tuple[Syntax | None, Syntax | None]  # what is assigned to, and what

_PLAIN = ("=", ":=", "=>")
_DEEPEST = 4  # loops inside each other that are walked twice; each one doubles the work
_LISTS = frozenset({
    "pattern_list", "tuple_pattern", "list_pattern", "expression_list", "tuple", "list",
    "left_assignment_list", "right_assignment_list", "destructured_left_assignment", "array",
    "array_pattern", "list_literal", "array_creation_expression", "parenthesized_expression",
})  # fmt: skip
_CONDITIONAL = frozenset({"elif_clause", "else_if_clause", "when"})  # alternatives with a condition


def assignment(
    left: str = "left", right: str = "right", relation: Relation = "computedFrom"
) -> Rule:
    """Assign, part by part where both sides are lists of the same length.

    Args:
        left: field, or fields, that are assigned to.
        right: field of the value; where it is missing, a name is only declared.
        relation: of the flows.
    """

    def rule(walk: Walk, node: Syntax, states: States) -> Steps:
        targets, value = node.all_in(left), node.child(right)
        if value is not None:
            states = yield value, states
        if value is None and relation == "computedFrom":
            return (yield from children(walk, node, states))
        is_compound = any(
            one.is_leaf and one.type.endswith("=") and one.type not in _PLAIN
            for one in node.children
        )
        give(walk, targets, value, states, relation=relation, is_compound=is_compound)
        return states

    return rule


def alias(walk: Walk, node: Syntax, states: States) -> Steps:
    """Assign what stands before ``as`` to what stands behind it: Python's ``with``, ``except``."""
    target = node.child("alias")
    states = yield node.children[0], states
    if target is not None:
        give(walk, [target], node.children[0], states)
    return states


def increment(walk: Walk, node: Syntax, states: States) -> Steps:
    """Compute a variable from itself and its old value."""
    yield from ()
    give(walk, [node], node, states, is_compound=True)
    return states


def give(
    walk: Walk,
    targets: list[Syntax],
    value: Syntax | None,
    states: States,
    *,
    relation: Relation = "computedFrom",
    is_compound: bool = False,
) -> None:
    """Give every name of the targets one flow from all names of its value.

    Args:
        walk: notes the flows.
        targets: what is assigned to.
        value: None declares without a value.
        states: are changed.
        relation: of the flows.
        is_compound: whether the old value counts too.
    """
    for target, own in _parts(targets, value):
        sources = walk.parsed.names(own) if own is not None else ()
        for token in walk.parsed.names(target):
            old = states.get(walk.parsed.tokens[token], ()) if is_compound else ()
            walk.add(token, relation, sorted({*sources, *old}))
        for token in walk.parsed.names(target):
            walk.set(token, states)


def _parts(targets: list[Syntax], value: Syntax | None) -> Iterable[tuple[Syntax, Syntax | None]]:
    """Pair targets with values, lists inside lists too."""
    waiting: list[tuple[list[Syntax], Syntax | None]] = [(targets, value)]
    while waiting:
        lefts, right = waiting.pop(0)
        if len(lefts) == 1:
            lefts = _elements(lefts[0])
        rights = [] if right is None else _elements(right)
        if len(lefts) == len(rights) > 1:
            waiting = [([one], own) for one, own in zip(lefts, rights, strict=True)] + waiting
        else:
            yield from ((one, right) for one in lefts)


def _elements(node: Syntax) -> list[Syntax]:
    """Return the elements of a list, or the node by itself."""
    while node.type in _LISTS:
        found = [one for one in node.children if not one.is_leaf or one.type not in "()[],{}"]
        if len(found) != 1:
            return found or [node]
        node = found[0]
    return [node]


def branch(*, alternatives: Iterable[str] = ()) -> Rule:
    """Let alternatives start from what holds behind the condition, then unite what all leave.

    Args:
        alternatives: types of children that are such besides those in the field of that name.
    """
    kinds = frozenset(alternatives)

    def rule(_: Walk, node: Syntax, states: States) -> Steps:
        before: States | None = None
        left, is_complete = [], False
        for child in node.children:
            if child.role == "alternative" or child.type in kinds:
                before = dict(states) if before is None else before
                ended = yield child, dict(before)
                left.append(ended)
                is_complete = is_complete or child.type not in _CONDITIONAL
                continue
            if before is None and child.role in ("consequence", "body"):
                before = dict(states)
            states = yield child, states
        skipped = [] if is_complete else [before or {}]
        return united([*left, states, *skipped])

    return rule


def fields(left: str, right: str) -> Callable[[Syntax], Ends]:
    """Find the two ends of a loop over a collection in its fields."""
    return lambda node: (node.child(left), node.child(right))


def loop(
    *,
    ends: Callable[[Syntax], Ends] | None = None,
    heads: Iterable[str] = (),
    runs_once: bool = False,
) -> Rule:
    """Walk a loop twice, so that what one round sets is seen by the next.

    Args:
        ends: finds the variable and the collection of a loop over one.
        heads: types of children whose own children are the loop's.
        runs_once: whether its body runs before its condition is asked.
    """
    inner = frozenset(heads)

    def rule(walk: Walk, node: Syntax, states: States) -> Steps:
        parts = _flat(node, inner)
        for child in parts["once"]:
            states = yield child, states
        before, start = dict(states), len(walk.flows)
        walk.loops += 1
        head = next((one for one in node.children if one.type in inner), node)
        target, value = ends(head) if ends else (None, None)
        for _ in range(2 if walk.loops <= _DEEPEST else 1):
            if target is not None and value is not None:
                states = yield value, states
                give(walk, [target], value, states)
            for child in parts["again"]:
                if child is not target and child is not value:
                    states = yield child, states
        walk.loops -= 1
        walk.merge(start)
        states = states if runs_once else united([before, states])
        for child in parts["behind"]:
            states = yield child, states
        return states

    return rule


def _flat(node: Syntax, heads: frozenset[str]) -> dict[str, list[Syntax]]:
    """Sort a loop's children: walked once, again in the order of their running, or behind it."""
    found: dict[str, list[Syntax]] = {"once": [], "again": [], "step": [], "behind": []}
    for child in node.children:
        for one in child.children if child.type in heads else [child]:
            found[_PART.get(one.role, "again")].append(one)
    return found | {"again": found["again"] + found["step"]}


_PART = {
    "init": "once", "initializer": "once", "initialize": "once",
    "update": "step", "increment": "step", "alternative": "behind",
}  # fmt: skip
