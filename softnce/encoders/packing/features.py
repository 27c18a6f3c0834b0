"""The input of a packed pass: the shape (1, total tokens), and beside it where each row begins.

That travels under the names which transformers and sentence-transformers use for it, so that
attention stays within a row and pooling sees rows.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softnce.ragged import Ragged

_FEW = 16  # sizes between a number of tokens and its double, where each is recorded as a graph


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
    tokens: Ragged,
    *,
    first_position: int,
    device: torch.device,
    most: int | None = None,
    is_filled_up: bool = True,
) -> dict[str, Any]:
    """Return the model's input for one packed pass: the rows, then rows that only fill it up.

    Args:
        tokens: n rows of token ids.
        first_position: position of a row's first token: 0, but padding_idx + 1 for RoBERTa.
        device: where to put it; the copy to a GPU does not wait.
        most: tokens that a row may have; given, passes of equally many rows differ in nothing but
            their rounded total.
        is_filled_up: whether the total is made a round number, as a GPU wants it.
    """
    if is_filled_up:
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
    means: Tensor = sums / ends.diff().clamp(min=1).unsqueeze(1).to(sums.dtype)
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


def _moved(array: np.ndarray, device: torch.device) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor
