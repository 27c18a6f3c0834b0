"""The walk over a syntax tree that follows the values of variables, rule by rule.

A rule is a generator: it yields the children to walk and is sent the states they leave. The walk
keeps the open rules in a list, so that no depth of nesting ends it, and its work is bounded.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass

from softnce.dataflow.flow import CodeFlow, Flow, Relation, States, connected, merged
from softnce.dataflow.syntax import Parsed, Shape, Syntax

Steps = Generator[tuple[Syntax, States], States, States]
Rule = Callable[["Walk", Syntax, States], Steps]

_MOST_WORK = 100_000  # nodes walked and sources named; a function of 1,000 lines takes a third


class NoFlowError(Exception):
    """A function gets no data flow: it takes too much work, or the official rules break on it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What extraction knows of one language.

    Attributes:
        shape: what its tokens are.
        of: the rule of each node type that has one.
        first: children of this type are walked before the others.
        seeds: a name of this type that no one has set yet stands for a value from then on.
        names_below: parent type that makes a name a variable; "" where any may be one.
        prepared: what is done to a code before it is parsed.
    """

    shape: Shape
    of: Mapping[str, Rule]
    first: str = ""
    seeds: frozenset[str] = frozenset({"identifier"})
    names_below: str = ""
    prepared: Callable[[str], str] = str


class Walk:
    """One walk over one code.

    Attributes:
        parsed: the code.
        flows: found so far.
        loops: open loops, one inside the other.
    """

    def __init__(self, parsed: Parsed, rules: Rules) -> None:
        self.parsed, self.rules = parsed, rules
        self.flows: list[Flow] = []
        self.loops = 0
        self._work = 0

    def add(self, token: int, relation: Relation, sources: Iterable[int]) -> None:
        """Note a flow.

        Raises:
            NoFlowError: the walk has done all the work that a function is worth.
        """
        own, names = tuple(sources), self.parsed.tokens
        self._count(1 + len(own))
        found = tuple(names[one] for one in own)
        self.flows.append(Flow(names[token], token, relation, found, own))

    def set(self, token: int, states: States) -> None:
        """Let a variable have the value that an occurrence of it was given."""
        states[self.parsed.tokens[token]] = (token,)

    def merge(self, start: int) -> None:
        """Merge the flows found since there were ``start`` of them."""
        self.flows[start:] = merged(self.flows[start:], self.parsed.tokens)

    def run(self) -> None:
        """Walk the whole code.

        Raises:
            NoFlowError: it takes too much work, or a rule breaks on it.
        """
        states: States = {}
        waiting = [self._steps(self.parsed.root, states)]
        sent: States | None = None
        while waiting:
            try:
                child, states = waiting[-1].send(sent) if sent is not None else next(waiting[-1])
            except StopIteration as end:
                waiting.pop()
                sent = end.value
                self._count(0)
                continue
            self._work += 1
            if child.children:
                waiting.append(self._steps(child, states))
                sent = None
            else:
                self._leaf(child, states)
                sent = states

    def _steps(self, node: Syntax, states: States) -> Steps:
        return self.rules.of.get(node.type, children)(self, node, states)

    def _leaf(self, leaf: Syntax, states: States) -> None:
        """Let an occurrence come from those that may have set its variable; note a first one."""
        rules = self.rules
        if not leaf.is_leaf or not self.parsed.is_name(leaf.start):
            return
        if rules.names_below and leaf.parent != rules.names_below:
            return
        known = states.get(self.parsed.tokens[leaf.start])
        self.add(leaf.start, "comesFrom", known or ())
        if known is None and leaf.type in rules.seeds:
            self.set(leaf.start, states)

    def _count(self, work: int) -> None:
        self._work += work
        if self._work > _MOST_WORK:
            raise NoFlowError


def children(walk: Walk, node: Syntax, states: States) -> Steps:
    """Walk the children in order: the rule of all that has no other."""
    first = walk.rules.first
    if first:
        for child in node.children:
            if child.type == first:
                states = yield child, states
    for child in node.children:
        if not first or child.type != first:
            states = yield child, states
    return states


def code_flow(parsed: Parsed, rules: Rules) -> CodeFlow:
    """Find the flows of a parsed code; where that fails it has its tokens, and none."""
    walk = Walk(parsed, rules)
    try:
        walk.run()
    except NoFlowError:
        return CodeFlow(tuple(parsed.tokens), ())
    return CodeFlow(tuple(parsed.tokens), connected(walk.flows))
