"""From the word ``loss.name`` to a loss: its row of the table, applied to a batch.

Equation numbers: Li et al., "Rethinking Negative Pairs in Code Search", EMNLP 2023.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from softnce.config.sections.method import LossSection, WeightsSection
from softnce.formula import settings_of
from softnce.losses.spec import Need
from softnce.shapes import Answers, Logits, Relevance, Shares, Weights
from softnce.weights.weighting import (
    negative_shares,
    negative_weights,
    renormalised,
    weight_spread,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step leaves for the optimizer and the log.

    Attributes:
        loss: with gradient.
        weight_spread: how far the weights are from InfoNCE; None for a loss without weights.
    """

    loss: Tensor
    weight_spread: Tensor | None


@dataclass(frozen=True, slots=True)
class Scored:
    """A batch between the encoder and the loss.

    Attributes:
        logits: (q, c) similarity over temperature.
        relevance: (q, c) from the estimator; all 0 where the loss does not read it.
        answers: (q,) column of each query's own snippet.
        loss: section ``loss``.
        weights: section ``weights``.
    """

    logits: Logits
    relevance: Relevance
    answers: Answers
    loss: LossSection
    weights: WeightsSection


def outcome(
    logits: Logits,
    relevance: Relevance | None,
    answers: Answers,
    *,
    loss: LossSection,
    weights: WeightsSection,
) -> Outcome:
    """Take the loss that a configuration names.

    Args:
        logits: (q, c) similarity over temperature.
        relevance: (q, c) from the estimator; None where the loss needs none.
        answers: (q,) column of each query's own snippet.
        loss: section ``loss``.
        weights: section ``weights``.
    """
    if loss.clamp_logits_min is not None:
        logits = logits.clamp(min=loss.clamp_logits_min)
    given = torch.zeros_like(logits) if relevance is None else relevance.to(logits.device)
    scored = Scored(logits, given, answers, loss, weights)
    needed = _needed(scored)
    value = loss.spec.formula.called(logits, *needed, answers, settings=settings_of(scored))
    return Outcome(value, weight_spread(needed[0], answers) if loss.spec.has_weights else None)


def _needed(scored: Scored) -> list[Relevance | Shares | Weights]:
    """Return what the loss reads of the negatives, if anything."""
    match scored.loss.spec.needs:
        case Need.RELEVANCE:
            return [scored.relevance]
        case Need.SHARES:
            return [_shares(scored)]
        case Need.WEIGHTS:
            return [_weights(scored)]
        case _:
            return []


def _shares(scored: Scored) -> Shares:
    """Split one unit of blame among each query's negatives (s of Eq. 4)."""
    temperature = scored.weights.temperature
    return negative_shares(scored.relevance, temperature=temperature, answers=scored.answers)


def _weights(scored: Scored) -> Weights:
    """Apply Eq. 4, or what the estimator has in its place: duplicates are known, not estimated."""
    section, own = scored.weights, scored.weights.spec.weights
    if own is not None:
        found: Weights = own.called(scored.relevance, scored.answers, settings=settings_of(scored))
        return found
    weights = negative_weights(
        scored.relevance,
        alpha=section.alpha,
        beta=section.beta,
        temperature=section.temperature,
        floor=section.floor,
        answers=scored.answers,
    )
    return renormalised(weights, scored.answers) if section.renormalise else weights
