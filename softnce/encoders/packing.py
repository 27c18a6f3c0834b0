"""Rows laid end to end in one sequence: a GPU then computes no padding at all.

A packed forward pass has the shape (1, total tokens). Where each row begins travels beside it under
the names that transformers and sentence-transformers use for this, so that attention stays within
a row and pooling sees rows. Attention is PyTorch's own; its dropout works as in a padded pass.
"""

import logging
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from softnce.ragged import Ragged

log = logging.getLogger(__name__)
ATTENTION = "softnce_packed"
_ERRORS = (RuntimeError, ValueError, TypeError, KeyError, AttributeError, IndexError)
_HALF = (torch.bfloat16, torch.float16)
_FEW = 16  # sizes between a number of tokens and its double, where each is recorded as a graph
_TOLERANCE = 0.02  # of the largest component; bf16 rounds to 0.004, a wrong position is far off
_KEYS = frozenset({"cu_seq_lens_q", "cu_seq_lens_k", "max_length_q", "max_length_k", "seq_idx"})


def rounded(total: int, *, sizes: int = 32) -> int:
    """Round a number of tokens up by some 3 %, so that passes have few different sizes.

    A GPU's library of matrix products chooses its kernel anew for every size it has not met, which
    takes the processor ten times as long as starting one.

    >>> [rounded(total) for total in (1, 2048, 5000, 5100, 150_000)]
    [64, 2048, 5120, 5120, 151552]

    Args:
        total: tokens.
        sizes: between a number and its double.
    """
    step = _step(total, sizes)
    return -(-total // step) * step


def _step(total: int, sizes: int) -> int:
    step: int = max(64, (1 << max(total, 1).bit_length()) // (2 * sizes))
    return step


def packed_features(
    tokens: Ragged, *, first_position: int, device: torch.device, most: int | None = None
) -> dict[str, Any]:
    """Return the model's input for one packed pass: the rows, then rows that only fill it up.

    Args:
        tokens: n rows of token ids.
        first_position: position of a row's first token: 0, but padding_idx + 1 for RoBERTa.
        device: where to put it; the copy to a GPU does not wait.
        most: tokens that a row may have; given, passes of equally many rows differ in nothing but
            their rounded total.
    """
    tokens = _filled_up(tokens) if most is None else _filled_up_evenly(tokens, most)
    lengths = tokens.lengths
    places = np.arange(len(tokens.values)) - np.repeat(tokens.offsets[:-1], lengths)
    longest = most or int(lengths.max(initial=0))
    ends = _moved(tokens.offsets.astype(np.int32), device)
    return {
        "input_ids": _moved(tokens.values.astype(np.int64), device).unsqueeze(0),
        "position_ids": _moved(places + first_position, device).unsqueeze(0),
        "seq_idx": _moved(np.repeat(np.arange(len(tokens)), lengths), device).unsqueeze(0),
        "cu_seq_lens_q": ends,
        "cu_seq_lens_k": ends,
        "max_length_q": longest,
        "max_length_k": longest,
    }


def mean_of_rows(features: Mapping[str, Any]) -> Tensor:
    """Return the (rows, d) mean of each row's token vectors.

    sentence-transformers' own pooling asks the device how many rows there are, and waits for it.

    Args:
        features: of a packed pass, with its ``token_embeddings`` (1, total, d).
    """
    tokens, ends = features["token_embeddings"][0], features["cu_seq_lens_q"]
    sums = tokens.new_zeros(len(ends) - 1, tokens.shape[-1])
    sums = sums.index_add(0, features["seq_idx"][0], tokens)
    means: Tensor = sums / ends.diff().unsqueeze(1).to(sums.dtype)
    return means


def _filled_up(tokens: Ragged) -> Ragged:
    """Add rows, none longer than the longest, until the total is a round number."""
    total, longest = len(tokens.values), int(tokens.lengths.max(initial=0))
    missing = rounded(total) - total if longest else 0
    if not missing:
        return tokens
    return _with_rows(tokens, np.append(np.arange(longest, missing, longest), missing))


def _filled_up_evenly(tokens: Ragged, most: int) -> Ragged:
    """Add rows of at least one token each, as many for each total of one size."""
    total = len(tokens.values)
    rows = -(-_step(total, _FEW) // (most - 1))
    missing = rounded(total + rows, sizes=_FEW) - total
    return _with_rows(tokens, np.arange(1, rows + 1) * missing // rows)


def _with_rows(tokens: Ragged, ends: NDArray[np.int64]) -> Ragged:
    """Add rows that end so many tokens behind the others."""
    return Ragged(
        np.append(tokens.values, np.full(ends[-1], tokens.values[0])),
        np.append(tokens.offsets, ends + len(tokens.values)),
    )


def let_pack(whole: nn.Module, probe: Ragged, padded: Mapping[str, Any]) -> int | None:
    """Let a model attend within packed rows, if it still returns the same vectors then.

    Args:
        whole: a sentence-transformers model whose first module is a transformer.
        probe: rows to try it with.
        padded: the same rows as padded features.

    Returns:
        The position of a row's first token; None: it cannot, and is left as it was.
    """
    module: Any = next(whole.children())
    model = module.auto_model
    before, known = model.config._attn_implementation, module.model_forward_params
    was_training = whole.training
    whole.eval()
    try:
        with torch.inference_mode():
            wanted = whole(dict(padded))["sentence_embedding"].float()
            model.set_attn_implementation(ATTENTION)
            if known is not None:
                module.model_forward_params = known | _KEYS
            first = _first_position(model)
            features = packed_features(probe, first_position=first, device=wanted.device)
            found = whole(features)["sentence_embedding"][: len(probe)].float()
        slack = _TOLERANCE * float(wanted.abs().max())
        why = None if torch.allclose(found, wanted, rtol=0, atol=slack) else "its vectors change"
    except _ERRORS as error:
        why = str(error).partition("\n")[0] or type(error).__name__
    whole.train(was_training)
    if why is None:
        return first
    model.set_attn_implementation(before)
    module.model_forward_params = known
    log.warning("%s is padded, for it cannot be packed: %s", type(model).__name__, why)
    return None


def _first_position(model: nn.Module) -> int:
    """Return the position of a text's first token: after the padding's where that has one."""
    for module in model.modules():
        padding = getattr(module, "padding_idx", None)
        table = getattr(module, "position_embeddings", None)
        if isinstance(padding, int) and isinstance(table, nn.Embedding):
            return padding + 1
    return 0


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
    """
    ends = options.get("cu_seq_lens_q")
    if ends is None:
        attended: tuple[Tensor, Tensor | None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, **options
        )
        return attended
    heads = [part[0].transpose(0, 1) for part in (query, key, value)]
    dropout, scale = options.get("dropout", 0.0), options.get("scaling")
    if query.is_cuda:
        lengths = (ends, options["max_length_q"])
        packed = _attend_packed(
            heads[0], heads[1], heads[2], *lengths, dropout=dropout, scale=scale
        )
    else:
        packed = _attend_by_row(heads, ends, dropout, scale)
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
def _attend_by_row(
    heads: list[Tensor], ends: Tensor, dropout: float, scale: float | None
) -> Tensor:
    """Attend row by row: the kernels of packed attention want a GPU."""
    query, key, value = (part.transpose(0, 1) for part in heads)
    rows = [
        scaled_dot_product_attention(
            query[:, start:stop],
            key[:, start:stop],
            value[:, start:stop],
            dropout_p=dropout,
            scale=scale,
        )
        for start, stop in pairwise(ends.tolist())
    ]
    return torch.cat(rows, dim=1).transpose(0, 1)


def _mask(*sizes: Any, attention_mask: Tensor | None = None, **options: Any) -> Any:  # noqa: ANN401
    """Return no mask for a packed pass, which brings none, else that of ``sdpa``."""
    if attention_mask is None:
        return None
    return sdpa_mask(*sizes, attention_mask=attention_mask, **options)


def _moved(array: np.ndarray, device: torch.device) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor


AttentionInterface.register(ATTENTION, packed_attention)
AttentionMaskInterface.register(ATTENTION, _mask)
