"""From the word ``loss.name`` to a loss: the one table of the losses, in plain sight.

Equation numbers: Li et al., "Rethinking Negative Pairs in Code Search", EMNLP 2023.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from softnce.config.sections.method import LossName, LossSection, WeightsSection
from softnce.losses.baselines import (
    bce,
    kl_info_nce,
    negatives_bce,
    normalised_weighted_info_nce,
    threshold_info_nce,
    top_k_info_nce,
    weighted_info_nce,
)
from softnce.losses.infonce import (
    info_nce,
    soft_info_nce,
    symmetric_info_nce,
    symmetric_soft_info_nce,
)
from softnce.shapes import Answers, Logits, Relevance, Shares, Weights
from softnce.weights.duplicates import duplicate_weights
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

    @property
    def shares(self) -> Shares:
        """How one unit of blame splits among each query's negatives (s of Eq. 4)."""
        return negative_shares(
            self.relevance, temperature=self.weights.temperature, answers=self.answers
        )

    @property
    def infonce_weight(self) -> float:
        """Factor of InfoNCE in kl-infonce; the paper's code takes beta for it."""
        is_official = self.loss.kl_coefficients == "official"
        return self.weights.beta if is_official else self.loss.infonce_weight

    @property
    def kl_weight(self) -> float:
        """Factor of the KL term in kl-infonce; the paper's code takes alpha for it."""
        is_official = self.loss.kl_coefficients == "official"
        return self.weights.alpha if is_official else self.loss.kl_weight


def _infonce(scored: Scored) -> Outcome:
    loss = symmetric_info_nce if scored.loss.symmetric else info_nce
    return Outcome(loss(scored.logits, scored.answers), None)


def _soft_infonce(scored: Scored) -> Outcome:
    loss = symmetric_soft_info_nce if scored.loss.symmetric else soft_info_nce
    weights = _weights(scored)
    value = loss(scored.logits, weights, scored.answers)
    return Outcome(value, weight_spread(weights, scored.answers))


def _weights(scored: Scored) -> Weights:
    """Apply Eq. 4; duplicates are known, not estimated, and have a weight of their own."""
    section = scored.weights
    if section.estimator == "duplicates":
        weight = 0.0 if section.duplicates.weight == "mask" else float(section.floor or 0.0)
        return duplicate_weights(scored.relevance, weight=weight, answers=scored.answers)
    weights = negative_weights(
        scored.relevance,
        alpha=section.alpha,
        beta=section.beta,
        temperature=section.temperature,
        floor=section.floor,
        answers=scored.answers,
    )
    return renormalised(weights, scored.answers) if section.renormalise else weights


def _bce(scored: Scored) -> Outcome:
    loss = bce if scored.loss.bce_negatives == "all" else negatives_bce
    return Outcome(loss(scored.logits, scored.shares, scored.answers), None)


def _weighted_infonce(scored: Scored) -> Outcome:
    is_normalised = scored.loss.normalize_target
    loss = normalised_weighted_info_nce if is_normalised else weighted_info_nce
    return Outcome(loss(scored.logits, scored.shares, scored.answers), None)


def _kl_infonce(scored: Scored) -> Outcome:
    value = kl_info_nce(
        scored.logits,
        scored.shares,
        scored.answers,
        infonce_weight=scored.infonce_weight,
        kl_weight=scored.kl_weight,
    )
    return Outcome(value, None)


def _top_k(scored: Scored) -> Outcome:
    k = scored.loss.top_k
    return Outcome(top_k_info_nce(scored.logits, scored.relevance, scored.answers, k=k), None)


def _dynamic_threshold(scored: Scored) -> Outcome:
    value = threshold_info_nce(
        scored.logits, scored.relevance, scored.answers, ratio=scored.loss.ratio
    )
    return Outcome(value, None)


LOSSES: dict[LossName, Callable[[Scored], Outcome]] = {
    "infonce": _infonce,
    "soft-infonce": _soft_infonce,
    "bce": _bce,
    "weighted-infonce": _weighted_infonce,
    "kl-infonce": _kl_infonce,
    "top-k": _top_k,
    "dynamic-threshold": _dynamic_threshold,
}


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
        relevance: (q, c) from the estimator; None for infonce.
        answers: (q,) column of each query's own snippet.
        loss: section ``loss``.
        weights: section ``weights``.
    """
    if loss.clamp_logits_min is not None:
        logits = logits.clamp(min=loss.clamp_logits_min)
    given = torch.zeros_like(logits) if relevance is None else relevance.to(logits.device)
    return LOSSES[loss.name](Scored(logits, given, answers, loss, weights))
