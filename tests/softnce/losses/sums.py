"""The sums of the paper, written out term by term, and the numbers they are drawn on."""

import math

import torch
from torch import Tensor

WEIGHTS_A = [  # Eq. 4 with temperature 1, alpha 1.3, beta 0.7
    [1, 0.3070108427, 1.4739206501, 1.2190685072],
    [0.4281948085, 1, 1.4193677487, 1.1524374429],
    [1.3263478931, 1.1897674588, 1, 0.4838846481],
    [1.2140135868, 1.0656188504, 0.7203675628, 1],
]


def draw(seed: int, queries: int = 5, extra: int = 3, scale: float = 3.0):
    """Draw logits, weights and shuffled answers with more candidates than queries."""
    generator = torch.Generator().manual_seed(seed)
    shape = (queries, queries + extra)
    logits = torch.randn(shape, generator=generator, dtype=torch.float64) * scale
    weights = torch.rand(shape, generator=generator, dtype=torch.float64) * 2 + 0.05
    answers = torch.randperm(shape[1], generator=generator)[:queries]
    return logits, weights.scatter(1, answers[:, None], 1.0), answers


def paper_soft_info_nce(logits: Tensor, weights: Tensor, answers: Tensor) -> float:
    """Eq. 3, summed as printed."""
    total = 0.0
    for row, factors, own in zip(logits.tolist(), weights.tolist(), answers.tolist(), strict=True):
        pairs = enumerate(zip(row, factors, strict=True))
        negatives = sum(w * math.exp(z) for j, (z, w) in pairs if j != own)
        total -= math.log(math.exp(row[own]) / (math.exp(row[own]) + negatives))
    return total / len(logits)


def paper_info_nce(logits: Tensor, answers: Tensor) -> float:
    """Eq. 1, summed as printed."""
    return paper_soft_info_nce(logits, torch.ones_like(logits), answers)
