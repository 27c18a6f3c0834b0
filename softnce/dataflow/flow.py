"""What extraction finds: the occurrences of variables, and where their values come from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Relation = Literal["comesFrom", "computedFrom"]
States = dict[str, tuple[int, ...]]  # a variable's name, and the tokens that may have set its value


class Flow(NamedTuple):
    """One occurrence of a variable, and the occurrences that its value comes from.

    Attributes:
        name: as written.
        token: place of the occurrence among the code's tokens.
        relation: a value is handed on as it is, or computed.
        source_names: names of the sources, in the order of ``sources``.
        sources: tokens of the sources, ascending.
    """

    name: str
    token: int
    relation: Relation
    source_names: tuple[str, ...]
    sources: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CodeFlow:
    """A code as GraphCodeBERT reads it.

    Attributes:
        tokens: leaves of the syntax tree, comments left out.
        flows: ordered by token; a token may have several.
    """

    tokens: tuple[str, ...]
    flows: tuple[Flow, ...]


def united(states: Iterable[States]) -> States:
    """Unite what several ways through the code leave: a variable may have been set on any."""
    found: dict[str, set[int]] = {}
    for one in states:
        for name, tokens in one.items():
            found.setdefault(name, set()).update(tokens)
    return {name: tuple(sorted(tokens)) for name, tokens in found.items()}


def merged(flows: Iterable[Flow], names: Sequence[str]) -> list[Flow]:
    """Make the flows of one occurrence by one relation a single one, which has all their sources.

    Args:
        flows: in any order; that of the first ones stays.
        names: text of every token.
    """
    sources: dict[tuple[int, Relation], set[int]] = {}
    for flow in flows:
        sources.setdefault((flow.token, flow.relation), set()).update(flow.sources)
    return [
        Flow(names[token], token, relation, tuple(names[one] for one in own), own)
        for (token, relation), found in sources.items()
        for own in [tuple(sorted(found))]
    ]


def connected(flows: Iterable[Flow]) -> tuple[Flow, ...]:
    """Keep the flows that have sources or are one, ordered by token."""
    ordered = sorted(flows, key=lambda flow: flow.token)
    used = {source for flow in ordered for source in flow.sources}
    return tuple(flow for flow in ordered if flow.sources or flow.token in used)
