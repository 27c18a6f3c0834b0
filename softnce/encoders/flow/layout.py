"""GraphCodeBERT's input: sub-tokens of the code, then a node for each occurrence of a variable.

Source: Guo et al. 2021, *GraphCodeBERT*, as METHOD C.2 states it. Where a node's own sub-tokens
are, and which nodes its value comes from, travels as spans and edges; the attention mask of a batch
is made from those on the device.

In a token table a function is one row of numbers, like any text: the ids of its places up to
``</s>``, then for each node a number that holds its span, followed by one for each node that its
value comes from. Those of nodes are below 0, so that no token id can be taken for one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softnce.dataflow.flow import CodeFlow
from softnce.ragged import Ragged


@dataclass(frozen=True, slots=True)
class Marks:
    """Token ids that stand for no text."""

    begin: int = 0
    padding: int = 1
    end: int = 2
    node: int = 3


ROBERTA = Marks()
LONGEST = 1 << 14  # places that a row can speak of


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
    marks: Marks = ROBERTA,
) -> FlowLayout:
    """Lay out one function.

    Nodes take what the code leaves free, so that a short code may have more than ``flow_length``;
    a long one keeps more sub-tokens than ``code_length`` where it has fewer nodes.

    Args:
        flow: its tokens and their data flow.
        pieces: ids of each token's sub-tokens.
        code_length: places meant for the code, its two marks included.
        flow_length: places meant for the nodes.
        marks: ids of the marks.
    """
    total = code_length + flow_length
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


_NODE = -1  # a span with both ends 0; from here on down to _EDGE
_EDGE = -1 - LONGEST * LONGEST  # from the row's first node; from here on down


def flow_row(layout: FlowLayout) -> list[int]:
    """Write a function as a row of a token table."""
    row = list(layout.ids[: layout.code])
    for (start, end), sources in zip(layout.spans, layout.edges, strict=True):
        row.append(_NODE - (start * LONGEST + end))
        row += [_EDGE - source for source in sources]
    return row


@dataclass(frozen=True, slots=True)
class FlowRows:
    """Rows of a token table, read.

    Attributes:
        rows: (p,) the row of each place.
        places: (p,) its place in the row.
        ids: (p,) its token id, 0 for a node.
        nodes: (m,) which of the places are nodes.
        spans: (m, 2) of each node.
        edges: (3, e) row, place of a node, place of a node that its value comes from.
        code: (n,) places of each row before its nodes.
        used: (n,) places of each row.
    """

    rows: NDArray[np.int64]
    places: NDArray[np.int64]
    ids: NDArray[np.int64]
    nodes: NDArray[np.int64]
    spans: NDArray[np.int64]
    edges: NDArray[np.int64]
    code: NDArray[np.int64]
    used: NDArray[np.int64]


def flow_rows(tokens: Ragged) -> FlowRows:
    """Read rows that ``flow_row`` wrote, and rows of token ids alone."""
    values = np.asarray(tokens.values, dtype=np.int64)
    row_of = np.repeat(np.arange(len(tokens)), tokens.lengths)
    is_edge, is_node = values <= _EDGE, (values < 0) & (values > _EDGE)
    rows = row_of[~is_edge]
    used = np.bincount(rows, minlength=len(tokens))
    code = used - np.bincount(row_of[is_node], minlength=len(tokens))
    begins = np.concatenate([[0], np.cumsum(used)[:-1]]) if len(tokens) else used
    place_of = np.cumsum(~is_edge) - 1 - begins[row_of]  # of an edge: that of its node
    nodes = np.flatnonzero(is_node[~is_edge])
    edge_rows = row_of[is_edge]
    return FlowRows(
        rows=rows,
        places=place_of[~is_edge],
        ids=np.maximum(values[~is_edge], 0),
        nodes=nodes,
        spans=np.stack(np.divmod(_NODE - values[is_node], LONGEST), axis=1),
        edges=np.stack([edge_rows, place_of[is_edge], code[edge_rows] + _EDGE - values[is_edge]]),
        code=code,
        used=used,
    )


def places_of(tokens: Ragged) -> NDArray[np.int64]:
    """Return (n,) how many places each row takes."""
    before = np.concatenate([[0], np.cumsum(np.asarray(tokens.values) > _EDGE)])
    places: NDArray[np.int64] = np.diff(before[tokens.offsets])
    return places
