"""GraphCodeBERT's forward pass: who may see whom, made on the device from spans and edges.

Source: Guo et al. 2021, *GraphCodeBERT*, as METHOD C.2 states it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from softnce.encoders.flow.layout import ROBERTA, Marks, flow_rows
from softnce.ragged import Ragged


@dataclass(frozen=True, slots=True)
class FlowBatch:
    """A batch in the few numbers that its attention mask is made from.

    Attributes:
        ids: (n, length) token ids, padded.
        code: (n,) places before the nodes.
        used: (n,) places before the padding.
        starts: (n, length) of a node, the first place of its sub-tokens; 0 elsewhere.
        ends: (n, length) of a node, one past the last; 0 elsewhere.
        edges: (3, e) row, place of a node, place of a node that its value comes from.
        marks: the ids that stand for no text.
    """

    ids: Tensor
    code: Tensor
    used: Tensor
    starts: Tensor
    ends: Tensor
    edges: Tensor
    marks: Marks = ROBERTA


def flow_batch(tokens: Ragged, device: torch.device, marks: Marks = ROBERTA) -> FlowBatch:
    """Pad functions to the longest, and move them to a device.

    Args:
        tokens: n rows, of ``flow_row`` or of token ids alone.
        device: where the model is.
        marks: the ids that stand for no text.
    """
    found = flow_rows(tokens)
    shape = (len(tokens), int(found.used.max(initial=0)))
    ids = np.full(shape, marks.padding, dtype=np.int64)
    ids[found.rows, found.places] = found.ids
    nodes = (found.rows[found.nodes], found.places[found.nodes])
    ids[nodes] = marks.node
    spans = np.zeros((2, *shape), dtype=np.int64)
    for side in (0, 1):
        spans[side][nodes] = found.spans[:, side]
    return FlowBatch(
        ids=_moved(ids, device),
        code=_moved(found.code, device),
        used=_moved(found.used, device),
        starts=_moved(spans[0], device),
        ends=_moved(spans[1], device),
        edges=_moved(found.edges, device),
        marks=marks,
    )


def _moved(array: NDArray[np.int64], device: torch.device) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def flow_mask(batch: FlowBatch) -> Tensor:
    """Tell which place (row) may see which (column).

    Code sees code; the marks of begin and end see all; a node and its own sub-tokens see each
    other; a node sees the nodes that its value comes from. Padding sees nothing.

    Args:
        batch: n functions.

    Returns:
        (n, length, length) bool.
    """
    places = torch.arange(batch.ids.shape[1], device=batch.ids.device)
    is_code, is_used = (places < edge.unsqueeze(1) for edge in (batch.code, batch.used))
    marks = (batch.ids == batch.marks.begin) | (batch.ids == batch.marks.end)
    is_mark = marks & is_used
    own = (places >= batch.starts.unsqueeze(2)) & (places < batch.ends.unsqueeze(2))
    mask = (is_code.unsqueeze(2) & is_code.unsqueeze(1)) | own | own.transpose(1, 2)
    mask |= is_mark.unsqueeze(2) & is_used.unsqueeze(1)
    row, node, source = batch.edges
    mask[row, node, source] = True
    return mask


def without_blind_rows(mask: Tensor) -> Tensor:
    """Let a place that may see nothing see itself, or attention would have no sum to divide by."""
    itself = torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)
    return mask | (itself & ~mask.any(dim=2, keepdim=True))


def word_vectors(words: nn.Embedding, batch: FlowBatch, mask: Tensor) -> Tensor:
    """Embed code by its words, and a node by the mean of the sub-tokens it may see.

    Args:
        words: of the model.
        batch: n functions.
        mask: (n, length, length) bool, of ``flow_mask``.

    Returns:
        (n, length, d); a node whose sub-tokens were cut off has zeros.
    """
    vectors: Tensor = words(batch.ids)
    places = torch.arange(batch.ids.shape[1], device=batch.ids.device)
    is_code, is_used = (places < edge.unsqueeze(1) for edge in (batch.code, batch.used))
    is_node = is_used & ~is_code
    seen = (mask & is_node.unsqueeze(2) & is_code.unsqueeze(1)).to(vectors.dtype)
    means = seen @ vectors / (seen.sum(dim=2, keepdim=True) + 1e-10)
    return torch.where(is_node.unsqueeze(2), means, vectors)


def positions(batch: FlowBatch) -> Tensor:
    """(n, length) position ids: code counts on from the padding's, 1, and a node is 0."""
    places = torch.arange(batch.ids.shape[1], device=batch.ids.device)
    is_code, is_used = (places < edge.unsqueeze(1) for edge in (batch.code, batch.used))
    padding = batch.marks.padding
    return torch.where(is_code, places + padding + 1, (~is_used).long() * padding)


def code_places(batch: FlowBatch) -> Tensor:
    """(n, length) 1 where code stands, which is what is pooled, 0 at nodes and padding."""
    places = torch.arange(batch.ids.shape[1], device=batch.ids.device)
    return (places < batch.code.unsqueeze(1)).long()


def flow_states(roberta: Any, batch: FlowBatch) -> Tensor:  # noqa: ANN401  (transformers is untyped)
    """Return (n, length, d) last hidden states of functions.

    Args:
        roberta: a RobertaModel, on the batch's device.
        batch: n functions.
    """
    mask = flow_mask(batch)
    found = roberta(
        inputs_embeds=word_vectors(roberta.embeddings.word_embeddings, batch, mask),
        attention_mask=without_blind_rows(mask).unsqueeze(1),
        position_ids=positions(batch),
        token_type_ids=torch.zeros_like(batch.ids),
    )
    states: Tensor = found.last_hidden_state
    return states
