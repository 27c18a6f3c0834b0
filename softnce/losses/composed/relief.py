"""Relief: one axis on which losses that relieve and losses that harden can be compared."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from softnce.losses.columns import own_columns
from softnce.shapes import Answers, Logits, Relevance, Trust

_SUSPECTS = 20  # one negative of so many is among the most relevant, one at least


def relief(
    gradient: Logits,
    baseline: Logits,
    relevance: Relevance,
    answers: Answers,
    *,
    trust: Trust | None = None,
) -> Float[Tensor, ""]:
    """Tell what share of the gradient a loss takes from the negatives that look most relevant.

    Args:
        gradient: (q, c) of the loss by the logits.
        baseline: (q, c) of InfoNCE by the same logits.
        relevance: (q, c) scores, higher is more alike.
        answers: (q,) column of each query's own snippet.
        trust: (q,) weight of each query in the loss, and here; None: all count alike. A query that
            is not trusted has no gradient of which a share could be taken.

    Returns:
        The mean over the queries of InfoNCE's share of the push on the most relevant twentieth of
        the negatives, minus the loss's: above 0 it relieves them, below 0 it hardens, 0 is InfoNCE.
        Above 1 it pulls where InfoNCE pushes.
    """
    own = own_columns(gradient, answers)
    most = max(1, (gradient.shape[1] - 1) // _SUSPECTS)
    suspects = relevance.detach().masked_fill(own, -math.inf).topk(most, dim=1).indices

    def share(pushes: Tensor) -> Tensor:
        negatives = pushes.masked_fill(own, 0.0)
        whole = negatives.abs().sum(dim=1).clamp(min=torch.finfo(pushes.dtype).tiny)
        return negatives.gather(1, suspects).sum(dim=1) / whole

    taken = share(baseline) - share(gradient)
    if trust is None:
        return taken.mean()
    weights = trust.to(taken.dtype)
    return (taken * weights).sum() / weights.sum().clamp(min=torch.finfo(taken.dtype).tiny)
