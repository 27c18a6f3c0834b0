"""Whether a model may be packed: it is asked for the same vectors both ways."""

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from softnce.encoders.packing.attention import ATTENTION
from softnce.encoders.packing.features import packed_features
from softnce.ragged import Ragged

log = logging.getLogger(__name__)
_ERRORS = (RuntimeError, ValueError, TypeError, KeyError, AttributeError, IndexError)
_TOLERANCE = 0.02  # of the largest component; bf16 rounds to 0.004, a wrong position is far off
_KEYS = frozenset({"cu_seq_lens_q", "cu_seq_lens_k", "max_length_q", "max_length_k", "seq_idx"})


def let_pack(
    whole: nn.Module, probe: Ragged, padded: Mapping[str, Any], *, longest: int
) -> int | None:
    """Let a model attend within packed rows, if it still returns the same vectors then.

    Args:
        whole: a sentence-transformers model whose first module is a transformer.
        probe: rows to try it with.
        padded: the same rows as padded features.
        longest: tokens that a row may ever have.

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
            features["max_length_q"] = max(longest, features["max_length_q"])
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
    level = logging.WARNING if next(whole.parameters()).is_cuda else logging.INFO
    log.log(level, "%s is padded, for it cannot be packed: %s", type(model).__name__, why)
    return None


def _first_position(model: nn.Module) -> int:
    """Return the position of a text's first token: after the padding's where that has one."""
    for module in model.modules():
        padding = getattr(module, "padding_idx", None)
        table = getattr(module, "position_embeddings", None)
        if isinstance(padding, int) and isinstance(table, nn.Embedding):
            return padding + 1
    return 0
