"""From the word ``loss.name`` to a loss: its row of the table, applied to a batch.

Equation numbers: Li et al., "Rethinking Negative Pairs in Code Search", EMNLP 2023.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from softnce.config.sections.method import LossSection, WeightsSection
from softnce.formula import settings_of
from softnce.losses.columns import own_columns
from softnce.losses.composed.relief import relief
from softnce.losses.composed.softmaxes import Compared
from softnce.losses.composed.trust import trust_in_batch, trusted_mean
from softnce.losses.promotion import with_duplicates
from softnce.losses.spec import Need
from softnce.losses.table import BASELINE
from softnce.shapes import Answers, Logits, Loss, Marks, Relevance, Shares, Trust, Weights
from softnce.weights.weighting import (
    negative_shares,
    negative_weights,
    renormalised,
    weight_spread,
)

_LEAST = -1e30  # of a known duplicate's scores, where minus infinity would leave nothing to divide


@dataclass(frozen=True, slots=True)
class Scored:
    """A batch between the encoder and the loss.

    Attributes:
        logits: (q, c) similarity over temperature.
        relevance: (q, c) from the estimator; None where the loss does not read it.
        answers: (q,) column of each query's own snippet.
        loss: section ``loss``.
        weights: section ``weights``.
        marked: (q, c) known duplicates; None where they are kept like any other negative.
        trust: (q,) weight of each query in the mean; None: all count alike.
    """

    logits: Logits
    relevance: Relevance | None
    answers: Answers
    loss: LossSection
    weights: WeightsSection
    marked: Marks | None = None
    trust: Trust | None = None

    @property
    def scores(self) -> Relevance:
        """The estimator's scores where the loss is taken, known duplicates left out; 0 if none."""
        if self.relevance is None:
            return torch.zeros_like(self.logits)
        scores = self.relevance.to(self.logits.device)
        return scores if self.masked is None else scores.masked_fill(self.masked, -torch.inf)

    @property
    def masked(self) -> Marks | None:
        """The pairs that are left out as known duplicates."""
        return self.marked if self.loss.duplicates == "mask" else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step leaves for the optimizer and the log.

    Attributes:
        loss: with gradient.
        weight_spread: how far the weights are from InfoNCE; None for a loss without weights.
        scored: what the loss was taken of.
    """

    loss: Loss
    weight_spread: Tensor | None
    scored: Scored

    @property
    def trusted(self) -> Tensor | None:
        """The share of the pairs that count; None where all do."""
        return None if self.scored.trust is None else self.scored.trust.mean()

    def relief(self) -> Tensor:
        """Tell, after the backward pass, how far the loss relieves the most relevant negatives.

        What is relevant an estimator tells, else the known duplicates, else the logits.

        Raises:
            RuntimeError: there was no backward pass.
        """
        scored = self.scored
        if scored.logits.grad is None:
            raise RuntimeError("relief is known after the backward pass")
        judge = scored.logits if scored.marked is None else scored.marked.float()
        judge = judge if scored.relevance is None else scored.relevance.to(judge.device)
        baseline = _baseline_gradient(scored)
        found = (scored.logits.grad, baseline, judge.detach(), scored.answers)
        return relief(*found, trust=scored.trust)


def outcome(
    logits: Logits,
    relevance: Relevance | None,
    answers: Answers,
    *,
    loss: LossSection,
    weights: WeightsSection,
    marked: Marks | None = None,
) -> Outcome:
    """Take the loss that a configuration names.

    Args:
        logits: (q, c) similarity over temperature.
        relevance: (q, c) from the estimator; None where the loss needs none.
        answers: (q,) column of each query's own snippet.
        loss: section ``loss``.
        weights: section ``weights``.
        marked: (q, c) known duplicates, where ``loss.duplicates`` does not keep them.
    """
    return outcome_of(Compared(logits, relevance, answers, marked), loss=loss, weights=weights)


def outcome_of(compared: Compared, *, loss: LossSection, weights: WeightsSection) -> Outcome:
    """Take the loss that a configuration names of one softmax.

    Args:
        compared: the scores, and who is trusted; where that is None, relevance tells.
        loss: section ``loss``.
        weights: section ``weights``.
    """
    logits, answers, marked = compared.logits, compared.answers, compared.marked
    if logits.requires_grad:
        logits.retain_grad()
    if marked is not None:
        marked = marked.to(logits.device) & ~own_columns(logits, answers)
    trust = compared.trust
    if trust is None:
        trust = trust_of(compared, loss)
    scored = Scored(logits, compared.relevance, answers, loss, weights, marked, trust)
    needed = _needed(scored)
    value = _promoting(scored, _taken(scored, needed))
    spread = weight_spread(needed[0], answers) if loss.spec.has_weights else None
    return Outcome(value, spread, scored)


def trust_of(compared: Compared, loss: LossSection) -> Trust | None:
    """Tell which pairs the estimator confirms; None where all count.

    Args:
        compared: queries against codes alone.
        loss: section ``loss``.
    """
    if not loss.trusts_few or loss.trust_rank is None or compared.relevance is None:
        return None
    return trust_in_batch(
        compared.relevance.to(compared.logits.device),
        compared.answers,
        compared.marked if loss.duplicates == "mask" else None,
        rank=loss.trust_rank,
        least=loss.trust_least,
        softness=loss.trust_softness,
    )


def averaged(outcomes: Sequence[Outcome]) -> Outcome:
    """Average the losses of several softmaxes; what else is told is of the first."""
    first = outcomes[0]
    if len(outcomes) == 1:
        return first
    losses = torch.stack([one.loss for one in outcomes])
    return Outcome(losses.mean(), first.weight_spread, first.scored)


def summed(outcomes: Sequence[Outcome]) -> Outcome:
    """Sum the losses of vectors cut to several sizes; what else is told is of the first."""
    first = outcomes[0]
    if len(outcomes) == 1:
        return first
    losses = torch.stack([one.loss for one in outcomes])
    return Outcome(losses.sum(), first.weight_spread, first.scored)


def _taken(scored: Scored, needed: Sequence[Tensor]) -> Loss:
    """Call the loss's function, over the trusted rows alone where pairs are to be trusted."""
    section, logits = scored.loss, scored.logits
    if section.clamp_logits_min is not None:
        logits = logits.clamp(min=section.clamp_logits_min)
    if scored.masked is not None:
        logits = logits.masked_fill(scored.masked, -torch.inf)
    settings = settings_of(scored)

    def called(*tensors: Tensor) -> Loss:
        found: Loss = section.spec.formula.called(*tensors, settings=settings)
        return found

    if scored.trust is None:
        return called(logits, *needed, scored.answers)
    return trusted_mean(called, [logits, *needed], scored.answers, scored.trust)


def _promoting(scored: Scored, value: Loss) -> Loss:
    """Give known duplicates their share of the target."""
    if scored.marked is None or scored.loss.duplicates != "promote":
        return value
    share = scored.loss.duplicates_share
    return with_duplicates(value, scored.logits, scored.marked, scored.answers, share=share)


@torch.enable_grad()
def _baseline_gradient(scored: Scored) -> Tensor:
    """Return the gradient that InfoNCE has by the same logits."""
    logits = scored.logits.detach().requires_grad_()
    section = scored.loss.model_copy(update={"name": BASELINE, "duplicates": "keep"})
    plain = Scored(logits, None, scored.answers, section, scored.weights)
    return torch.autograd.grad(_taken(plain, ()), logits)[0]


def _needed(scored: Scored) -> list[Relevance | Shares | Weights]:
    """Return what the loss reads of the negatives, if anything."""
    match scored.loss.spec.needs:
        case Need.RELEVANCE:
            return [scored.scores]
        case Need.SHARES:
            return [_shares(scored)]
        case Need.WEIGHTS:
            return [_weights(scored)]
        case _:
            return []


def _shares(scored: Scored) -> Shares:
    """Split one unit of blame among each query's negatives (s of Eq. 4)."""
    temperature, scores = scored.weights.temperature, scored.scores.clamp(min=_LEAST)
    shares = negative_shares(scores, temperature=temperature, answers=scored.answers)
    return shares if scored.masked is None else shares.masked_fill(scored.masked, 0.0)


def _weights(scored: Scored) -> Weights:
    """Apply Eq. 4, or what the estimator has in its place: duplicates are known, not estimated."""
    section, own = scored.weights, scored.weights.spec.weights
    if own is not None:
        found: Weights = own.called(scored.scores, scored.answers, settings=settings_of(scored))
        return found
    weights = negative_weights(
        scored.scores.clamp(min=_LEAST),
        alpha=section.alpha,
        beta=section.beta,
        temperature=section.temperature,
        floor=section.floor,
        answers=scored.answers,
    )
    return renormalised(weights, scored.answers) if section.renormalise else weights
