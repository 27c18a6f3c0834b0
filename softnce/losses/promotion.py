"""Promotion: part of a query's target goes to other candidates that answer it as well."""

import math

import torch

from softnce.losses.columns import (
    constants,
    own_columns,
    own_values,
    require_negatives,
    require_setting,
    wide,
)
from softnce.losses.infonce import info_nce
from softnce.shapes import Answers, Logits, Loss, Marks, Number, Relevance, Shares


def promoted_info_nce(
    logits: Logits, relevance: Relevance, answers: Answers, *, share: Number, temperature: Number
) -> Loss:
    """Compute InfoNCE against targets of which a share goes to the relevant negatives.

    Source: RLHN, which relabels false negatives. The targets are
    T = (1 - share) I + share softmax_j(relevance / temperature), the softmax over the negatives,
    and the loss is -sum_j T_ij log p_ij. Minus infinity as relevance keeps a negative out; with
    0 for the duplicates of a query and minus infinity for all others the share is even among them.

    Args:
        logits: (q, c) similarity over temperature.
        relevance: (q, c) scores, higher is more alike; never differentiated.
        answers: (q,) column of each query's own snippet.
        share: of the target that the negatives get, 0 to below 1; 0 is InfoNCE.
        temperature: by which relevance is divided, above 0.

    Returns:
        The mean loss in nats, in float32 at least.

    Raises:
        ConfigError: the share or the temperature is out of range, or there is no negative.
    """
    require_share(share)
    require_negatives(logits)
    targets = relevant_targets(logits, relevance, answers, temperature=temperature)
    loss = info_nce(logits, answers)
    return loss if share == 0 else loss + share * pull(logits, targets, answers)


def require_share(share: Number) -> None:
    """Refuse to promote by a share that is none, or that leaves nothing for the own snippet.

    Raises:
        ConfigError: the share is out of range.
    """
    require_setting(
        0 <= share < 1,
        f"loss.promotion={share} leaves nothing for the query's own function"
        if share >= 1
        else f"loss.promotion={share} is no share",
        "give a number from 0 to below 1",
    )


def relevant_targets(
    logits: Logits, relevance: Relevance, answers: Answers, *, temperature: Number
) -> Shares:
    """Split a target of 1 among a query's negatives, more to the more relevant.

    Args:
        logits: (q, c) in whose precision the targets are.
        relevance: (q, c) scores; minus infinity gets nothing.
        answers: (q,) column of each query's own snippet.
        temperature: by which relevance is divided, above 0.

    Returns:
        (q, c) targets, 0 at the answers; rows sum to 1, or to 0 where nothing can be promoted.

    Raises:
        ConfigError: the temperature is not above 0.
    """
    require_setting(
        0 < temperature < math.inf,
        f"loss.promotion_temperature={temperature} is out of range",
        "give a number above 0",
    )
    scores = constants(relevance, logits)
    scores = scores.masked_fill(own_columns(logits, answers), -math.inf)
    peak = scores.amax(dim=1, keepdim=True)
    trailing = scores - peak.masked_fill(peak.isneginf(), 0.0)
    targets = (trailing / max(temperature, torch.finfo(scores.dtype).tiny)).exp()
    return targets / targets.sum(dim=1, keepdim=True).clamp(min=torch.finfo(scores.dtype).tiny)


def duplicate_targets(marked: Marks, answers: Answers, logits: Logits) -> Shares:
    """Split a target of 1 evenly among the negatives that are marked as duplicates.

    Args:
        marked: (q, c) known duplicates.
        answers: (q,) column of each query's own snippet.
        logits: (q, c) in whose precision the targets are.

    Returns:
        (q, c) targets, 0 at the answers; a row without duplicates is all 0.
    """
    found = constants(marked & ~own_columns(logits, answers), logits)
    return found / found.sum(dim=1, keepdim=True).clamp(min=1.0)


def pull(logits: Logits, targets: Shares, answers: Answers) -> Loss:
    """Tell how far the own snippets are ahead of those that are promoted.

    Times a share, this is what promotion adds to a loss -z_ii + log Z_i: the cross-entropy of
    (1 - share) I + share targets. It holds whatever Z is, so it promotes in any such loss.

    Args:
        logits: (q, c) similarity over temperature.
        targets: (q, c) rows that sum to 1, or to 0 where nothing is promoted.
        answers: (q,) column of each query's own snippet.

    Returns:
        The mean of sum_j targets_ij (z_ii - z_ij) in nats.
    """
    scores = wide(logits)
    lead = own_values(scores, answers) - scores
    return (lead.masked_fill(targets == 0, 0.0) * targets).sum(dim=1).mean()


def with_duplicates(
    loss: Loss, logits: Logits, marked: Marks, answers: Answers, *, share: Number
) -> Loss:
    """Give known duplicates a share of the target in any loss of the form -z_ii + log Z_i.

    Args:
        loss: the mean over the queries.
        logits: (q, c) similarity over temperature.
        marked: (q, c) known duplicates.
        answers: (q,) column of each query's own snippet.
        share: of the target that the duplicates of a query get, evenly.
    """
    return loss + share * pull(logits, duplicate_targets(marked, answers, logits), answers)
