"""The worked example that the paper's equations are checked on, and what reads it.

The numbers printed beside it in the tests are the equations, evaluated in float64 by a separate
numpy script and printed to ten digits.
"""

import torch
from torch import Tensor

LOGITS = [
    [2.0, 0.5, -1.0, 0.25],
    [0.75, 1.5, 0.0, -0.5],
    [-0.25, 1.0, 1.25, 0.5],
    [0.1, -0.3, 0.6, 0.9],
]
SCORES = [
    [1, 0.8, 0.1, 0.3],
    [0.8, 1, 0.2, 0.4],
    [0.1, 0.2, 1, 0.6],
    [0.3, 0.4, 0.6, 1],
]
DIGITS = 6e-11  # half a unit of the tenth digit, and the rounding of ten-digit inputs


def double(rows: list[list[float]]) -> Tensor:
    """Return rows as a float64 tensor."""
    return torch.tensor(rows, dtype=torch.float64)


def gradient(loss, logits: Tensor, *constants: Tensor, **options) -> Tensor:
    """Return the gradient of a loss by its logits."""
    leaf = logits.clone().requires_grad_()
    loss(leaf, *constants, **options).backward()
    assert leaf.grad is not None
    return leaf.grad
