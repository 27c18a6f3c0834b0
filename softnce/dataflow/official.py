"""The rules of GraphCodeBERT's own extraction, with their known holes.

Source: the rules as METHOD C.3 states them: Guo et al. 2021, *GraphCodeBERT: Pre-training Code
Representations with Data Flow*, as its authors' code reads.
"""

from softnce.dataflow.flow import States, united
from softnce.dataflow.syntax import Syntax
from softnce.dataflow.walk import Rule, Steps, Walk


def pairs(left: str = "left", right: str = "right") -> Rule:
    """Assign the parts of the right side to those of the left; a missing right side is nothing."""

    def rule(walk: Walk, node: Syntax, states: States) -> Steps:
        target, value = node.child(left), node.child(right)
        if target is None or value is None:
            return states
        targets, values = _paired(target, value)
        for one in values:
            states = yield one, states
        assign(walk, targets, values, states)
        return states

    return rule


def _paired(left: Syntax, right: Syntax) -> tuple[list[Syntax], list[Syntax]]:
    lefts, rights = ([one for one in side.children if one.type != ","] for side in (left, right))
    if len(lefts) != len(rights):
        return [left], [right]
    return lefts or [left], rights or [right]


def assign(walk: Walk, targets: list[Syntax], values: list[Syntax], states: States) -> None:
    """Give every name of a target one flow, from all names of its value."""
    for target, value in zip(targets, values, strict=True):
        sources = walk.parsed.names(value)
        for token in walk.parsed.names(target):
            walk.add(token, "computedFrom", sources)
            walk.set(token, states)


def products(left: str = "left", right: str = "right") -> Rule:
    """Assign: every name of the left gets a flow of its own from each name of the right."""

    def rule(walk: Walk, node: Syntax, states: States) -> Steps:
        target, value = node.child(left), node.child(right)
        if target is None or value is None:
            return states
        states = yield value, states
        multiply(walk, target, value, states)
        return states

    return rule


def multiply(walk: Walk, target: Syntax, value: Syntax, states: States) -> None:
    """Give every name of a target a flow of its own from each name of its value."""
    for token in walk.parsed.names(target):
        for source in walk.parsed.names(value):
            walk.add(token, "computedFrom", (source,))
        walk.set(token, states)


def definition(name: str = "name", value: str = "value") -> Rule:
    """Define a variable, by its value where it has one."""

    def rule(walk: Walk, node: Syntax, states: States) -> Steps:
        target, default = node.child(name), node.child(value)
        if default is not None:
            states = yield default, states
        for token in walk.parsed.names(target) if target is not None else ():
            if default is None:
                walk.add(token, "comesFrom", ())
            else:
                for source in walk.parsed.names(default):
                    walk.add(token, "comesFrom", (source,))
            walk.set(token, states)
        return states

    return rule


def increment(walk: Walk, node: Syntax, states: States) -> Steps:
    """Compute every name inside from every name inside."""
    yield from ()
    multiply(walk, node, node, states)
    return states


def branch(
    *starts: str, is_onward: bool = True, is_copied: bool = True, keeps_before: bool = True
) -> Rule:
    """Let some children start from what held before the branch, then unite what all leave.

    Args:
        starts: types of those children.
        is_onward: whether all children behind the first of them are such.
        is_copied: whether each starts from a copy, or sees what the one before it has set.
        keeps_before: whether what held before counts even where there is an ``else``.
    """

    def rule(_: Walk, node: Syntax, states: States) -> Steps:
        now, left, is_reached = dict(states), [], False
        for child in node.children:
            is_reached = child.type in starts or (is_reached and is_onward)
            if is_reached:
                ended = yield child, dict(states) if is_copied else states
                left.append(ended)
            else:
                now = yield child, now
        has_else = any("else" in child.type for child in node.children)
        return united([*left, now, *([states] if keeps_before or not has_else else [])])

    return rule


def twice(walk: Walk, node: Syntax, states: States) -> Steps:
    """Walk a loop's children two times."""
    start = len(walk.flows)
    for child in node.children * 2:
        states = yield child, states
    walk.merge(start)
    return states


def again_behind(kind: str, update: str = "") -> Rule:
    """Walk a loop's children once, then those behind the first of a type again.

    Args:
        kind: that type.
        update: child of it that is walked again with those.
    """

    def rule(walk: Walk, node: Syntax, states: States) -> Steps:
        start = len(walk.flows)
        for child in node.children:
            states = yield child, states
        place = next((i for i, one in enumerate(node.children) if one.type == kind), None)
        if place is not None:
            step = node.children[place].child(update)
            for child in [*([step] if step else []), *node.children[place + 1 :]]:
                states = yield child, states
        walk.merge(start)
        return states

    return rule


def for_each(target: str, value: str, body: str, *, is_paired: bool) -> Rule:
    """Walk a loop over a collection two times: its value, the assignment, its body.

    Args:
        target: field of the loop's variable.
        value: field of the collection.
        body: field of the body; "" for the last child, if it is a block.
        is_paired: whether the assignment is that of ``pairs``, else that of ``products``.
    """

    def rule(walk: Walk, node: Syntax, states: States) -> Steps:
        start = len(walk.flows)
        left, right = node.child(target), node.child(value)
        inner = node.child(body) if body else node.children[-1]
        for _ in range(2):
            if left is not None and right is not None:
                states = yield right, states
                if is_paired:
                    assign(walk, *_paired(left, right), states)
                else:
                    multiply(walk, left, right, states)
            if inner is not None and (body or inner.type == "block"):
                states = yield inner, states
        walk.merge(start)
        return states

    return rule
