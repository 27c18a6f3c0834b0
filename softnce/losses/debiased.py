"""Debiasing: what unlabelled positives add to the negatives' sum, by their share, is taken out."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from softnce.losses.columns import own_columns, own_values, require_negatives, require_setting, wide
from softnce.losses.infonce import info_nce
from softnce.shapes import Answers, Logits, Loss, Number


def debiased_info_nce(
    logits: Logits, answers: Answers, *, prior: Number, temperature: Number
) -> Loss:
    """Compute InfoNCE with the negatives' sum corrected for the share of hidden positives.

    Source: Chuang 2020. With M negatives their sum becomes
    max((sum_j e^z_ij - M p e^z_ii) / (1 - p), M e^(-1 / temperature)).

    Args:
        logits: (q, c) cosine over temperature; minus infinity removes a negative, and M counts
            those that stay.
        answers: (q,) column of each query's own snippet.
        prior: p, the share of negatives that answer the query, 0 to below 1; 0 is InfoNCE.
        temperature: that divided the cosines, above 0; the least sum of M negatives follows.

    Returns:
        The mean loss in nats, in float32 at least.

    Raises:
        ConfigError: the prior leaves no negatives, the temperature is not above 0, or there is no
            negative.
    """
    require_setting(
        0 <= prior < 1,
        f"loss.prior={prior} {'leaves no negatives' if prior >= 1 else 'is no share'}",
        "give a number from 0 to below 1",
    )
    require_setting(
        0 < temperature < math.inf,
        f"loss.temperature={temperature} is out of range",
        "give a number above 0",
    )
    require_negatives(logits)
    if prior == 0:
        return info_nce(logits, answers)
    scores = wide(logits)
    own = own_values(scores, answers)
    negatives = scores.masked_fill(own_columns(logits, answers), -math.inf)
    count = (~negatives.detach().isneginf()).sum(dim=1, keepdim=True).to(scores.dtype)
    mass = _log_difference(negatives.logsumexp(dim=1, keepdim=True), own + (count * prior).log())
    mass = torch.maximum(mass - math.log1p(-prior), count.log() - 1 / temperature)
    return (torch.logaddexp(own, mass) - own).mean()


def _log_difference(larger: Float[Tensor, "q 1"], smaller: Float[Tensor, "q 1"]) -> Tensor:
    """Take log(e^larger - e^smaller), minus infinity where there is nothing left."""
    is_left = (smaller < larger).detach()
    gap = torch.where(is_left, smaller - larger, -1.0)
    return torch.where(is_left, larger + torch.log(-torch.expm1(gap)), -math.inf)
