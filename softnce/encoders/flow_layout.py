"""GraphCodeBERT's input: sub-tokens of the code, then a node for each occurrence of a variable.

Source: Guo et al. 2021, *GraphCodeBERT*, as METHOD C.2 states it. Where a node's own sub-tokens
are, and which nodes its value comes from, travels as spans and edges; the attention mask of a batch
is made from those on the device.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from softnce.dataflow.flow import CodeFlow


@dataclass(frozen=True, slots=True)
class Marks:
    """Token ids that stand for no text."""

    begin: int = 0
    end: int = 2
    node: int = 3


@dataclass(frozen=True, slots=True)
class FlowLayout:
    """One function as the model reads it.

    Attributes:
        ids: ``<s>``, sub-tokens, ``</s>``, then one id for each node.
        code: how many of them stand before the nodes.
        spans: of each node, the places [start, end) of its sub-tokens; (0, 0) if they were cut off.
        edges: of each node, the nodes that its value comes from.
    """

    ids: tuple[int, ...]
    code: int
    spans: tuple[tuple[int, int], ...]
    edges: tuple[tuple[int, ...], ...]


def flow_layout(
    flow: CodeFlow,
    pieces: Sequence[Sequence[int]],
    *,
    code_length: int = 256,
    flow_length: int = 64,
    marks: Marks | None = None,
) -> FlowLayout:
    """Lay out one function.

    Nodes take what the code leaves free, so that a short code may have more than ``flow_length``;
    a long one keeps more sub-tokens than ``code_length`` where it has fewer nodes.

    Args:
        flow: its tokens and their data flow.
        pieces: ids of each token's sub-tokens.
        code_length: places meant for the code, its two marks included.
        flow_length: places meant for the nodes.
        marks: ids of the marks; None: RoBERTa's.
    """
    marks, total = marks or Marks(), code_length + flow_length
    ends = [0]
    for own in pieces:
        ends.append(ends[-1] + len(own))
    kept = total - 2 - min(len(flow.flows), flow_length)
    ids = [marks.begin, *[one for own in pieces for one in own][:kept], marks.end]
    code, nodes = len(ids), flow.flows[: total - len(ids)]
    node_of = {node.token: place for place, node in enumerate(nodes)}
    return FlowLayout(
        ids=(*ids, *[marks.node] * len(nodes)),
        code=code,
        spans=tuple(_span(ends[node.token] + 1, ends[node.token + 1] + 1, code) for node in nodes),
        edges=tuple(
            tuple(node_of[source] for source in node.sources if source in node_of) for node in nodes
        ),
    )


def _span(start: int, end: int, code: int) -> tuple[int, int]:
    return (start, end) if end < code else (0, 0)
