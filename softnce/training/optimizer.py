"""AdamW and its learning rate: what decays, and the share of the peak rate that each step has."""

import math
from typing import Any

import torch
from torch import nn

from softnce.config.sections.training import OptimSection


def adamw(model: nn.Module, optim: OptimSection) -> torch.optim.AdamW:
    """Build AdamW over the parameters of a model that train, wherever they lie.

    Weight decay spares biases and the scales of norms, as transformers' own trainer does: they
    have one axis. Matrices and embeddings decay.

    Args:
        model: what is trained.
        optim: section ``optim``.
    """
    parameters = [one for one in model.parameters() if one.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [one for one in parameters if one.ndim >= 2]},
        {"params": [one for one in parameters if one.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=optim.learning_rate,
        eps=1e-8,
        weight_decay=optim.weight_decay,
        fused=parameters[0].device.type in ("cpu", "cuda"),  # one kernel for all that AdamW does
    )


def warmup_steps(steps: int, warmup_share: float) -> int:
    """Round a share of a run's steps up to whole steps, but for binary rounding.

    Args:
        steps: of the whole run.
        warmup_share: 0 to 1.

    >>> warmup_steps(30, 0.1), warmup_steps(31, 0.1)
    (3, 4)
    """
    return math.ceil(warmup_share * steps - 1e-9)


def rate_share(step: int, *, steps: int, warmup: int) -> float:
    """Return the share of the peak learning rate that a step has: a linear rise, a linear fall.

    This is transformers' linear schedule but for its first step, which has a rate of 0 and trains
    nothing: the rise is the one of its next step, so every step of a run trains.

    Args:
        step: number of the step in the whole run, from 0.
        steps: of the whole run.
        warmup: steps that rise, 0 to ``steps``; the last of them has the peak rate.

    Returns:
        Above 0, at most 1.

    >>> [rate_share(step, steps=6, warmup=2) for step in range(6)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    if step < warmup:
        return (step + 1) / warmup
    return (steps - step) / (steps - warmup)
