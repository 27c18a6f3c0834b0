"""Pair trust: pairs that a frozen guide does not confirm count for nothing, or for less."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from softnce.losses.columns import own_columns, own_values, require_setting, wide
from softnce.shapes import Answers, Loss, Marks, Number, Relevance, Trust


def pair_trust(
    relevance: Relevance,
    answers: Answers,
    *,
    rank: int,
    least: Number | None = None,
    softness: Number = 0.0,
) -> Trust:
    """Trust the pairs whose own code the guide ranks high enough and finds relevant enough.

    Source: CoRNStack, with rank 2 and least 0.7, over its whole corpus; here over the batch. The
    soft version is ours: each comparison of scores becomes a sigmoid of their difference over the
    softness. The own code's soft rank is 1 + sum_j sigmoid((r_ij - r_ii) / softness) over the
    others, and a pair loses its trust evenly between ``rank`` and the rank below; it is multiplied
    by sigmoid((r_ii - least) / softness). A softness near 0 is the hard version, ties apart.

    Args:
        relevance: (q, c) the guide's scores; candidates that tie with the own code rank below it,
            or half a rank above it where trust is soft.
        answers: (q,) column of each query's own code.
        rank: the lowest rank that is trusted, 1 or more.
        least: the own score must exceed this; None: any will do.
        softness: in units of the scores; 0 is hard.

    Returns:
        (q,) 1 where a pair is trusted, 0 where it is not, in between where trust is soft.

    Raises:
        ConfigError: rank or softness is out of range.
    """
    require_setting(rank >= 1, f"loss.trust_rank={rank} is no rank", "give 1 or more, or null")
    require_setting(
        0 <= softness < math.inf,
        f"loss.trust_softness={softness} is out of range",
        "give 0 for hard trust, or a number above 0",
    )
    scores = wide(relevance.detach())
    own = own_values(scores, answers)
    if softness == 0:
        trusted = (scores > own).sum(dim=1) < rank
        if least is not None:
            trusted &= own.squeeze(1) > least
        return trusted.float()
    ahead = ((scores - own) / softness).sigmoid().masked_fill(own_columns(scores, answers), 0.0)
    trust = (rank - ahead.sum(dim=1)).clamp(0.0, 1.0)
    if least is not None:
        trust = trust * ((own.squeeze(1) - least) / softness).sigmoid()
    return trust.float()


def trust_in_batch(
    relevance: Relevance,
    answers: Answers,
    left_out: Marks | None,
    *,
    rank: int,
    least: Number | None,
    softness: Number = 0.0,
) -> Trust:
    """Trust pairs by the codes of a batch, known duplicates that a loss leaves out apart.

    Other directions of a denominator have no part in it: they would repeat a code that is ahead of
    the own one, and so push down its rank.

    Args:
        relevance: (q, c) the guide's scores of queries and codes.
        answers: (q,) column of each query's own code.
        left_out: (q, c) known duplicates; None: none is left out.
        rank: see ``pair_trust``.
        least: see ``pair_trust``.
        softness: see ``pair_trust``.
    """
    if left_out is not None:
        others = left_out.to(relevance.device) & ~own_columns(relevance, answers)
        relevance = relevance.masked_fill(others, -math.inf)
    return pair_trust(relevance, answers, rank=rank, least=least, softness=softness)


def trusted_mean(
    loss: Callable[..., Loss], tensors: Sequence[Tensor], answers: Answers, trust: Trust
) -> Loss:
    """Take the mean of a loss over the rows, each by its trust; 0 where no row is trusted.

    Args:
        loss: the mean over the rows of (q, c) tensors and (q,) answers, one row's value being
            independent of the others'.
        tensors: (q, c) logits, and what the loss needs besides.
        answers: (q,) column of each query's own code.
        trust: (q,) weight of each row in the mean.
    """
    rows = torch.vmap(lambda *row: loss(*(one.unsqueeze(0) for one in row)))(*tensors, answers)
    weights = trust.to(rows.dtype)
    return (rows * weights).sum() / weights.sum().clamp(min=1e-6)
