"""From an estimator's scores to the weights of the negatives (Eq. 4).

Equation numbers: Li et al., "Rethinking Negative Pairs in Code Search", EMNLP 2023. Scores that
are not finite become weights that are not finite; ``require_finite`` refuses them where looking
at the values costs no wait for a GPU.
"""

import math
from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from softnce.errors import ConfigError, RunError
from softnce.shapes import (
    Answers,
    CandidateRows,
    Judged,
    Number,
    QueryRows,
    Relevance,
    Shares,
    Weights,
)
from softnce.weight_domain import has_domain


class Estimator(ABC):
    """Judges how likely each candidate is an unlabelled positive of each query.

    Attributes:
        name: the word that stands for this estimator in a config.
    """

    name: str

    @abstractmethod
    def relevance(self, queries: QueryRows, candidates: CandidateRows) -> Relevance:
        """Score every query of this worker against every candidate of the global batch.

        Args:
            queries: (q,) row numbers in the training set of this worker's queries.
            candidates: (c,) row numbers of all candidates in the batch, in column order: first the
                functions of the batch (alone, the same rows as ``queries``), then its hard
                negatives, which are numbered after the training rows.

        Returns:
            (q, c) scores on any scale, higher is more alike.
        """

    def judged(self, candidates: CandidateRows) -> Judged | None:
        """Mark the candidates that this estimator has scores of its own for.

        The scores of the others are filled in, and say nothing of how far scores spread.

        Args:
            candidates: (c,) row numbers of all candidates in the batch.

        Returns:
            (c,) marks; None where it judges every candidate, as most estimators do.
        """
        del candidates
        return None


def negative_weights(
    relevance: Relevance,
    *,
    alpha: Number,
    beta: Number,
    temperature: Number,
    floor: Number | None = 0.1,
    answers: Answers | None = None,
) -> Weights:
    """Turn down the negatives that look like unlabelled positives.

    Source: Eq. 4, w = (beta - alpha s) / (beta - alpha / (N - 1)), then the clamp of appendix C.2
    without renormalisation. N is the number of columns. Only alpha / beta matters, and uniform
    shares give 1. The constants of Theorem 1 in the paper hold only for beta = 1: its
    beta N - alpha - 1 should read beta (N - 1) - alpha, and the sign of its last term is reversed.
    In Eq. 11 the weight belongs inside the sum: q(c_j) = (1 - s_ij) / (N - 2) depends on j. The
    mean over negatives after Eq. 10 is the expectation under the uniform p, not under this q.

    Args:
        relevance: (q, c) any real scores, higher is more alike; never differentiated.
        alpha: strength of the correction; 0 leaves plain InfoNCE, below 0 the most similar
            negatives weigh most.
        beta: mass shared by all negatives alike, above 0.
        temperature: scale of the scores, above 0; small makes one negative take all the blame.
        floor: smallest weight of a negative, 0 to 1; ``None`` lets weights turn negative.
        answers: (q,) column of each query's own snippet; ``None`` is the diagonal.

    Returns:
        (q, c) weights, 1 at the answers, at least ``floor`` elsewhere; a row's negatives sum to
        c - 1 unless the floor acted.

    Raises:
        ConfigError: a coefficient is out of range, or the batch holds too few negatives for this
            alpha and beta.

    >>> scores = torch.tensor([[9.0, 1.0, 0.0], [1.0, 9.0, 0.0], [0.0, 0.0, 9.0]])
    >>> negative_weights(scores, alpha=0.5, beta=1.0, temperature=1.0)
    tensor([[1.0000, 0.8459, 1.1541],
            [0.8459, 1.0000, 1.1541],
            [1.0000, 1.0000, 1.0000]])
    """
    negatives = relevance.shape[1] - 1
    _require_domain(negatives, alpha=alpha, beta=beta, floor=floor)
    shares = negative_shares(relevance, temperature=temperature, answers=answers)
    weights = (beta - alpha * shares) / (beta - alpha / negatives)
    if floor is not None:
        weights = weights.clamp(min=floor)
    return weights.masked_fill(_own(relevance, answers), 1.0)


def negative_shares(
    relevance: Relevance, *, temperature: Number, answers: Answers | None = None
) -> Shares:
    """Split one unit of blame among each query's negatives, more to those that look relevant.

    Source: s of Eq. 4 (sim in the paper), the softmax over the negatives of score / temperature.

    Args:
        relevance: (q, c) any real scores, higher is more alike; never differentiated.
        temperature: scale of the scores, above 0.
        answers: (q,) column of each query's own snippet; ``None`` is the diagonal.

    Returns:
        (q, c) shares in float32 at least, 0 at the answers; rows sum to 1.

    Raises:
        ConfigError: the temperature is not above 0, or there is no negative.
    """
    _require_negatives(relevance.shape[1] - 1)
    _require_within("weights.temperature", temperature, above=0.0)
    scores = _wide(relevance.detach()).masked_fill(_own(relevance, answers), -math.inf)
    trailing = scores - scores.amax(
        dim=1, keepdim=True
    )  # first, since a small t would give inf / inf
    return (trailing / max(temperature, torch.finfo(scores.dtype).tiny)).softmax(dim=1)


def standardised(
    relevance: Relevance, answers: Answers | None = None, *, judged: Judged | None = None
) -> Relevance:
    """Bring scores to unit spread, so that one range of temperatures fits every estimator.

    Divides by the standard deviation of the negatives' scores over the given rows; the mean stays,
    since shares do not change when all scores shift. Scores without spread are left as they are.

    Args:
        relevance: (q, c) any real scores.
        answers: (q,) column of each query's own snippet; ``None`` is the diagonal.
        judged: (c,) candidates whose scores count in the deviation, those of
            ``Estimator.judged``; ``None`` counts all.

    Returns:
        (q, c) scores in float32 at least, standard deviation 1 over the judged negatives, or 0
        when all are alike.
    """
    scores, negative = _wide(relevance.detach()), ~_own(relevance, answers)
    if judged is not None:
        negative &= judged.to(negative.device)
    spread = _spread(scores, negative)
    rounding = 32 * torch.finfo(scores.dtype).eps  # of the mean of equal scores, and some more
    noise = scores.where(negative, 0.0).abs().amax() * rounding
    return scores / spread.where(spread > noise, 1.0)


def renormalised(weights: Weights, answers: Answers | None = None) -> Weights:
    """Scale each query's negative weights to sum to c - 1 again after the floor has acted.

    Not in the paper, whose clamp raises the sum and leaves it so.

    Args:
        weights: (q, c) weights; the negatives of a row must sum to more than 0.
        answers: (q,) column of each query's own snippet; ``None`` is the diagonal.

    Returns:
        (q, c) weights, 1 at the answers.
    """
    own = _own(weights, answers)
    mass = weights.masked_fill(own, 0.0).sum(dim=1, keepdim=True)
    return (weights * (weights.shape[1] - 1) / mass).masked_fill(own, 1.0)


def weight_spread(weights: Weights, answers: Answers | None = None) -> Float[Tensor, ""]:
    """Tell how far the weights are from plain InfoNCE: 0 is InfoNCE in disguise.

    Args:
        weights: (q, c) weights.
        answers: (q,) column of each query's own snippet; ``None`` is the diagonal.

    Returns:
        The standard deviation of the negatives' weights.
    """
    return _spread(_wide(weights.detach()), ~_own(weights, answers))


def require_finite(relevance: Relevance, *, source: str) -> None:
    """Stop before scores that are no numbers turn the loss into NaN.

    Looking at the values waits for a GPU, so call it on scores that lie on the CPU.

    Args:
        relevance: (q, c) scores.
        source: the estimator's name, for the message.

    Raises:
        RunError: a score is NaN or infinite.
    """
    faults = int((~relevance.isfinite()).sum())
    if faults:
        raise RunError(
            f"{source}: {faults} of {relevance.numel()} scores are NaN or infinite",
            "check the estimator's vectors or texts, or set weights.estimator to another one",
        )


def _own(scores: Float[Tensor, "q c"], answers: Answers | None) -> Bool[Tensor, "q c"]:
    """Mark each query's own snippet."""
    queries, candidates = scores.shape
    if answers is None:
        answers = torch.arange(queries, device=scores.device)
    columns = torch.arange(candidates, device=scores.device)
    return answers.unsqueeze(1) == columns


def _spread(values: Float[Tensor, "q c"], counted: Bool[Tensor, "q c"]) -> Float[Tensor, ""]:
    """Take the population standard deviation of the counted entries."""
    size = counted.sum().clamp(min=1)
    mean = values.where(counted, 0.0).sum() / size
    return ((values - mean).where(counted, 0.0).square().sum() / size).sqrt()


def _require_domain(negatives: int, *, alpha: Number, beta: Number, floor: Number | None) -> None:
    _require_within("weights.alpha", alpha, least=-1e6)
    _require_within("weights.beta", beta, above=0.0)
    if floor is not None:
        _require_within("weights.floor", floor, least=0.0, most=1.0)
    _require_negatives(negatives)
    if not has_domain(negatives, alpha=float(alpha), beta=float(beta)):
        raise ConfigError(
            f"alpha={alpha:g} and beta={beta:g} need more than {alpha / beta:.3g} negatives per "
            f"query, the batch has {negatives}",
            "raise batch_size, or lower weights.alpha",
        )


def _require_negatives(negatives: int) -> None:
    if negatives < 1:
        raise ConfigError(
            "a query needs at least 1 negative, the batch has 0",
            "raise batch_size to 2 or more",
        )


def _require_within(
    key: str,
    value: Number,
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    most: float = 1e6,
) -> None:
    if not (above < value and least <= value <= most):
        bound = f"above {above:g}" if math.isfinite(above) else f"at least {least:g}"
        raise ConfigError(
            f"{key}={value} is out of range",
            f"give a number {bound}, at most {most:g}",
        )


def _wide(tensor: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
