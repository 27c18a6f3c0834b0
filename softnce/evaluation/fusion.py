"""Reciprocal rank fusion: two rankings of the same candidates made into one.

Source: Cormack, Clarke, Buettcher, 2009, "Reciprocal Rank Fusion outperforms Condorcet and
individual Rank Learning Methods": the score is the sum of 1 / (60 + rank).
"""

import torch
from jaxtyping import Float
from torch import Tensor

K = 60


def reciprocal_rank_fusion(*scores: Float[Tensor, "q c"], k: int = K) -> Float[Tensor, "q c"]:
    """Fuse rankings of the same candidates.

    Args:
        scores: of each ranking, higher is better; scores need no common scale.
        k: how little the first places stand out.

    Returns:
        (q, c) fused scores in float64, higher is better.

    >>> reciprocal_rank_fusion(torch.tensor([[0.9, 0.1]]), torch.tensor([[3.0, 7.0]])).tolist()
    [[0.0325, 0.0325]]
    """
    found: Float[Tensor, "q c"] = torch.stack([1 / (k + ranks_of_all(one)) for one in scores]).sum(
        dim=0
    )
    return found


def ranks_of_all(scores: Float[Tensor, "q c"]) -> Float[Tensor, "q c"]:
    """Rank all candidates of each query from 1, the highest score first, ties averaged.

    >>> ranks_of_all(torch.tensor([[0.5, 2.0, 0.5, 1.0]])).tolist()
    [[3.5, 1.0, 3.5, 2.0]]
    """
    values, order = scores.sort(dim=1, descending=True)
    places = torch.arange(scores.shape[1], dtype=torch.float64).expand(scores.shape)
    is_first, is_last = (torch.ones_like(values, dtype=torch.bool) for _ in range(2))
    is_first[:, 1:] = values[:, 1:] != values[:, :-1]
    is_last[:, :-1] = is_first[:, 1:]
    first = places.where(is_first, 0.0).cummax(dim=1).values
    last = places.where(is_last, torch.inf).flip(1).cummin(dim=1).values.flip(1)
    return torch.empty_like(first).scatter_(1, order, 1 + (first + last) / 2)
