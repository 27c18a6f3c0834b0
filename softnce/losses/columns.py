"""What the losses share: which column is a query's own, and the precision they compute in."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from softnce.errors import ConfigError
from softnce.shapes import Answers, Logits, Number


def own_columns(logits: Logits, answers: Answers) -> Bool[Tensor, "q c"]:
    """Mark each query's own snippet."""
    return answers.unsqueeze(1) == torch.arange(logits.shape[1], device=logits.device)


def own_values(values: Float[Tensor, "q c"], answers: Answers) -> Float[Tensor, "q 1"]:
    """Return what each query has in its own column."""
    return values.gather(1, answers.long().unsqueeze(1))


def wide(tensor: Tensor) -> Tensor:
    """Return the tensor in float32 at least."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def constants(values: Tensor, logits: Logits) -> Tensor:
    """Return an estimator's scores as constants in the precision of the logits.

    Raises:
        ConfigError: they are scores of other pairs.
    """
    if values.shape != logits.shape:
        raise ConfigError(
            f"relevance of shape {tuple(values.shape)} for logits of shape {tuple(logits.shape)}",
            "give one score for each logit",
        )
    return values.detach().to(wide(logits).dtype)


def require_negatives(logits: Logits) -> None:
    """Refuse a batch in which a query meets nothing but its own snippet.

    Raises:
        ConfigError: there is no negative.
    """
    if logits.shape[1] < 2:
        raise ConfigError(
            "a query needs at least 1 negative, the batch has 0",
            "raise batch_size to 2 or more",
        )


def require_setting(is_possible: bool, found: str, cure: str) -> None:  # noqa: FBT001
    """Refuse a setting of a loss.

    Raises:
        ConfigError: it is not possible.
    """
    if not is_possible:
        raise ConfigError(found, cure)


def is_between(value: Number, least: Number, most: Number) -> bool:
    """Tell whether a number lies in a closed range; NaN lies in none."""
    return least <= value <= most
