"""Attention within the rows of a packed pass: PyTorch's own, its dropout as in a padded pass."""

from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

ATTENTION = "softnce_packed"
_HALF = (torch.bfloat16, torch.float16)


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **options: Any,  # noqa: ANN401  (transformers hands on whatever its models know)
) -> tuple[Tensor, Tensor | None]:
    """Attend within rows where the pass is packed, else as transformers' own ``sdpa``.

    Args:
        module: the attention layer.
        query: (1, heads, total, size) if packed; key and value likewise.
        key: as query.
        value: as query.
        attention_mask: None if packed.
        options: transformers' own; ``cu_seq_lens_q`` says that the pass is packed.

    Returns:
        (1, total, heads, size), and no attention weights.

    Raises:
        NotImplementedError: rows may be longer than the window that the layer attends within.
    """
    ends = options.get("cu_seq_lens_q")
    if ends is None:
        attended: tuple[Tensor, Tensor | None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, **options
        )
        return attended
    window = options.get("sliding_window")
    if window is not None and options["max_length_q"] > window:
        raise NotImplementedError(f"it attends within {window} tokens of a longer text")
    heads = [part[0].transpose(0, 1) for part in (query, key, value)]
    dropout, scale = options.get("dropout", 0.0), options.get("scaling")
    if query.is_cuda:
        lengths = (ends, options["max_length_q"])
        packed = _attend_packed(
            heads[0], heads[1], heads[2], *lengths, dropout=dropout, scale=scale
        )
    else:
        packed = _attend_by_length(heads, ends, dropout, scale)
    return packed.unsqueeze(0), None


def _attend_packed(  # noqa: PLR0913  (a list's check at run time cannot be compiled)
    query: Tensor,
    key: Tensor,
    value: Tensor,
    ends: Tensor,
    longest: int,
    *,
    dropout: float,
    scale: float | None,
) -> Tensor:
    """Attend over (total, heads, size) in one kernel; the caller knows the longest row.

    The kernels of flash and of memory-efficient attention are called by themselves: by way of a
    jagged tensor they cost the processor about a millisecond per layer, more than a small batch
    takes, and gradient caching refuses such tensors.
    """
    sizes = (ends, ends, longest, longest)
    width = query.shape[-1]
    if query.dtype in _HALF and width % 8 == 0 and width <= 256:
        flash = torch.ops.aten._flash_attention_forward
        heads = (query, key, value)
        attended: Tensor = flash(*heads, *sizes, dropout, False, False, scale=scale)[0]  # noqa: FBT003
        return attended
    lone = [part.unsqueeze(0) for part in (query, key, value)]
    alone: Tensor = _attend_efficiently(lone, sizes, dropout, scale)
    return alone.squeeze(0)


@torch.compiler.disable  # type: ignore[untyped-decorator]  # a compiled backward pass fails
def _attend_efficiently(
    lone: list[Tensor], sizes: tuple[Tensor, Tensor, int, int], dropout: float, scale: float | None
) -> Tensor:
    """Attend in single precision over (1, total, heads, size)."""
    efficient = torch.ops.aten._efficient_attention_forward
    no_mask, has_gradient = 0, True
    attended: Tensor = efficient(*lone, None, *sizes, dropout, no_mask, has_gradient, scale=scale)[
        0
    ]
    return attended


@torch.compiler.disable  # type: ignore[untyped-decorator]  # its loop would be unrolled
def _attend_by_length(
    heads: list[Tensor], ends: Tensor, dropout: float, scale: float | None
) -> Tensor:
    """Attend over (total, heads, size) on a CPU: neighbours of one length at a time."""
    runs = [(length, len(list(rows))) for length, rows in groupby(ends.diff().tolist()) if length]
    parts = (torch.split(part, [length * count for length, count in runs]) for part in heads)
    attended = []
    for (length, count), *run in zip(runs, *parts, strict=True):
        query, key, value = (one.unflatten(0, (count, length)).transpose(1, 2) for one in run)
        found = scaled_dot_product_attention(query, key, value, dropout_p=dropout, scale=scale)
        attended.append(found.transpose(1, 2).flatten(0, 1))
    return torch.cat(attended)


def _mask(*sizes: Any, attention_mask: Tensor | None = None, **options: Any) -> Any:  # noqa: ANN401
    """Return no mask for a packed pass, which brings none, else that of ``sdpa``."""
    if attention_mask is None:
        return None
    return sdpa_mask(*sizes, attention_mask=attention_mask, **options)


AttentionInterface.register(ATTENTION, packed_attention)
AttentionMaskInterface.register(ATTENTION, _mask)
