"""GraphCodeBERT's forward pass: who may see whom, made on the device from spans and edges.

Source: Guo et al. 2021, *GraphCodeBERT*, as METHOD C.2 states it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from softnce.encoders.flow_layout import FlowLayout

_PADDING = 1  # RoBERTa's id of padding, and its position; a text's positions start behind it


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
    """

    ids: Tensor
    code: Tensor
    used: Tensor
    starts: Tensor
    ends: Tensor
    edges: Tensor


def flow_batch(layouts: Sequence[FlowLayout], device: torch.device) -> FlowBatch:
    """Pad functions to the longest, and move them to a device.

    Args:
        layouts: n functions.
        device: where the model is.
    """
    longest = max((len(one.ids) for one in layouts), default=0)

    def padded(rows: list[tuple[int, ...]], fill: int) -> Tensor:
        return torch.tensor([[*row, *[fill] * (longest - len(row))] for row in rows], device=device)

    edges = [
        (row, one.code + node, one.code + source)
        for row, one in enumerate(layouts)
        for node, sources in enumerate(one.edges)
        for source in sources
    ]
    starts, ends = (
        padded([(*[0] * one.code, *(span[side] for span in one.spans)) for one in layouts], 0)
        for side in (0, 1)
    )
    return FlowBatch(
        ids=padded([one.ids for one in layouts], _PADDING),
        code=torch.tensor([one.code for one in layouts], device=device),
        used=torch.tensor([len(one.ids) for one in layouts], device=device),
        starts=starts,
        ends=ends,
        edges=torch.tensor(list(chain(*edges)), dtype=torch.int64, device=device).view(-1, 3).T,
    )


def flow_mask(batch: FlowBatch, *, marks: tuple[int, int] = (0, 2)) -> Tensor:
    """Tell which place (row) may see which (column).

    Code sees code; the marks of begin and end see all; a node and its own sub-tokens see each
    other; a node sees the nodes that its value comes from. Padding sees nothing.

    Args:
        batch: n functions.
        marks: ids of the marks.

    Returns:
        (n, length, length) bool.
    """
    places = torch.arange(batch.ids.shape[1], device=batch.ids.device)
    is_code, is_used = (places < edge.unsqueeze(1) for edge in (batch.code, batch.used))
    is_mark = ((batch.ids == marks[0]) | (batch.ids == marks[1])) & is_used
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
    """(n, length) position ids: code counts from 2, a node is 0, padding 1."""
    places = torch.arange(batch.ids.shape[1], device=batch.ids.device)
    is_code, is_used = (places < edge.unsqueeze(1) for edge in (batch.code, batch.used))
    return torch.where(is_code, places + _PADDING + 1, (~is_used).long() * _PADDING)


def flow_vectors(roberta: Any, batch: FlowBatch) -> Tensor:  # noqa: ANN401  (transformers is untyped)
    """Return (n, d) vectors of functions: the pooler's, as GraphCodeBERT reads them.

    Args:
        roberta: a RobertaModel with its pooler, on the batch's device.
        batch: n functions.
    """
    mask = flow_mask(batch)
    found = roberta(
        inputs_embeds=word_vectors(roberta.embeddings.word_embeddings, batch, mask),
        attention_mask=without_blind_rows(mask).unsqueeze(1),
        position_ids=positions(batch),
        token_type_ids=torch.zeros_like(batch.ids),
    )
    vectors: Tensor = found.pooler_output
    return vectors
