"""The losses that the paper compares Soft-InfoNCE with, each exact in the log domain.

``shares`` are s of Eq. 4, what ``softnce.weights.weighting.negative_shares`` gives: how one unit of
blame splits among a query's negatives. They and all relevances are constants: no gradient.

Equation numbers: Li et al., "Rethinking Negative Pairs in Code Search", EMNLP 2023.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from softnce.errors import ConfigError
from softnce.losses.infonce import info_nce
from softnce.shapes import Answers, Logits, Loss, Number, Relevance, Shares


def bce(logits: Logits, shares: Shares, answers: Answers) -> Loss:
    """Fit each pair's probability on its own, the positive to 1 and a negative to its share.

    Source: the main text's definition, with the softmax over all candidates and the mean over all
    pairs. No logarithm is clamped. Table 5 gives BCE the same Java, JavaScript and Go figures for
    GraphCodeBERT and UniXcoder (.669, .571, .883): likely a copying slip, so trust neither row.

    Args:
        logits: (q, c) similarity over temperature; c is 2 or more.
        shares: (q, c) target of each negative; those of the answers are taken as 1.
        answers: (q,) column of each query's own snippet.

    Returns:
        The mean binary cross-entropy in nats, in float32 at least.
    """
    return _binary_cross_entropy(
        _wide(logits), _like(shares, logits).masked_fill(_own(logits, answers), 1.0)
    )


def negatives_bce(logits: Logits, shares: Shares, answers: Answers) -> Loss:
    """Compute BCE over the negatives alone, the positive neither in the softmax nor in the sum.

    Source: appendix B.2 and Theorem 2. Eq. 12 has the wrong sign before KL: the bound holds as
    (1/N^2) sum_i [-sum_j log(1 - P_ij) + KL(S_i || P_i) + H(S_i)], P over the negatives.

    Args:
        logits: (q, c) similarity over temperature; c is 3 or more.
        shares: (q, c) target of each negative.
        answers: (q,) column of each query's own snippet.

    Returns:
        The sum over all negatives divided by q c, in nats.
    """
    own = _own(logits, answers)
    targets = _like(shares, logits).masked_fill(own, 0.0)
    return _binary_cross_entropy(_wide(logits).masked_fill(own, -math.inf), targets)


def weighted_info_nce(logits: Logits, shares: Shares, answers: Answers) -> Loss:
    """Pull each query to its own snippet and, by their shares, to the negatives as well.

    Source: Eq. 13, with c_j in the numerator (the printed c_i is a slip). The targets of a row sum
    to 2. Proposition 1 does not make this the smaller loss: with alpha = beta = 1 and no floor it
    exceeds Soft-InfoNCE by log(4 (N - 2) / (N - 1)) or more; the floor of appendix C.2 makes
    Soft-InfoNCE larger, and may narrow the gap.

    Args:
        logits: (q, c) similarity over temperature.
        shares: (q, c) target of each negative; those of the answers are taken as 1.
        answers: (q,) column of each query's own snippet.

    Returns:
        The mean cross-entropy in nats, in float32 at least.
    """
    targets = _like(shares, logits).masked_fill(_own(logits, answers), 1.0)
    return -_expected(_wide(logits).log_softmax(dim=1), targets).sum(dim=1).mean()


def normalised_weighted_info_nce(logits: Logits, shares: Shares, answers: Answers) -> Loss:
    """Compute weighted InfoNCE with targets that sum to 1: half of ``weighted_info_nce``.

    Args:
        logits: (q, c) similarity over temperature.
        shares: (q, c) target of each negative; those of the answers are taken as 1.
        answers: (q,) column of each query's own snippet.

    Returns:
        The mean cross-entropy in nats, in float32 at least.
    """
    return weighted_info_nce(logits, shares, answers) / 2


def kl_to_shares(logits: Logits, shares: Shares, answers: Answers) -> Loss:
    """Measure how far the model's view of the negatives is from the estimator's.

    Source: KL(S_i || P_i) of Theorem 1, P being the softmax over the negatives only. A share of 0
    adds 0.

    Args:
        logits: (q, c) similarity over temperature.
        shares: (q, c) share of each negative; those of the answers are not read.
        answers: (q,) column of each query's own snippet.

    Returns:
        The mean divergence in nats, in float32 at least.
    """
    own = _own(logits, answers)
    targets = _like(shares, logits).masked_fill(own, 0.0)
    log_probabilities = _wide(logits).masked_fill(own, -math.inf).log_softmax(dim=1)
    expected = _expected(log_probabilities, targets)
    return (torch.xlogy(targets, targets) - expected).sum(dim=1).mean()


def kl_info_nce(
    logits: Logits,
    shares: Shares,
    answers: Answers,
    *,
    infonce_weight: Number = 1.3,
    kl_weight: Number = 0.7,
) -> Loss:
    """Add to InfoNCE the divergence between the model's and the estimator's view of negatives.

    Source: section 6, whose weights are the defaults; the paper's code swaps the two.

    Args:
        logits: (q, c) similarity over temperature.
        shares: (q, c) share of each negative.
        answers: (q,) column of each query's own snippet.
        infonce_weight: factor of InfoNCE.
        kl_weight: factor of the divergence; 0 leaves InfoNCE.

    Returns:
        The mean loss in nats, in float32 at least.
    """
    divergence = kl_to_shares(logits, shares, answers)
    return infonce_weight * info_nce(logits, answers) + kl_weight * divergence


def top_k_info_nce(logits: Logits, relevance: Relevance, answers: Answers, *, k: int = 1) -> Loss:
    """Compute InfoNCE without each query's most relevant negatives, taken for false ones.

    Source: false-negative cancellation of section 4, by rank. Of equal scores any may go.

    Args:
        logits: (q, c) similarity over temperature.
        relevance: (q, c) any real scores, higher is more alike.
        answers: (q,) column of each query's own snippet.
        k: negatives dropped from each row, 0 to c - 2; 0 is plain InfoNCE.

    Returns:
        The mean loss in nats, in float32 at least.

    Raises:
        ConfigError: no negative would be left.
    """
    negatives = logits.shape[1] - 1
    if not 0 <= k < negatives:
        raise ConfigError(
            f"k={k} of {negatives} negatives cannot be dropped, one at least must stay",
            "lower loss.top_k, or raise batch_size",
        )
    suspects = relevance.detach().masked_fill(_own(logits, answers), -math.inf)
    dropped = suspects.topk(k, dim=1).indices
    loss = info_nce(_wide(logits).scatter(1, dropped, -math.inf), answers)
    return _unless_nan(loss, relevance)


def threshold_info_nce(
    logits: Logits, relevance: Relevance, answers: Answers, *, ratio: Number
) -> Loss:
    """Compute InfoNCE without the negatives that are nearly as relevant as the query's own snippet.

    Source: false-negative cancellation of section 4, by dynamic threshold: a negative stays when
    its score is below ratio times the own one. Where the own score is not above 0 the ratio means
    nothing, and all negatives stay.

    Args:
        logits: (q, c) similarity over temperature.
        relevance: (q, c) real scores on a scale with a true zero, higher is more alike.
        answers: (q,) column of each query's own snippet.
        ratio: share of the own score from which a negative counts as false, above 0; small drops
            more, and a row without negatives adds 0 to the loss.

    Returns:
        The mean loss in nats, in float32 at least.

    Raises:
        ConfigError: the ratio is not above 0.
    """
    if not ratio > 0:
        raise ConfigError(
            f"loss.ratio={ratio} would drop every negative",
            "give a number above 0",
        )
    scores = _wide(relevance.detach())
    own_score = scores.gather(1, answers.long().unsqueeze(1))
    kept = (scores < ratio * own_score) | (own_score <= 0) | _own(logits, answers)
    return _unless_nan(info_nce(_wide(logits).masked_fill(~kept, -math.inf), answers), relevance)


def _unless_nan(loss: Loss, relevance: Relevance) -> Loss:
    """Return NaN where a score is NaN: its rank, and what it would drop, mean nothing."""
    return loss.masked_fill(relevance.isnan().any(), math.nan)


def _binary_cross_entropy(logits: Logits, targets: Shares) -> Loss:
    """Average -[y log P + (1 - y) log(1 - P)] over all pairs, P the softmax over a row."""
    log_hit = logits.log_softmax(dim=1)
    log_miss = _log_complement(logits, log_hit)
    return -(_expected(log_hit, targets) + _expected(log_miss, 1 - targets)).mean()


def _log_complement(logits: Logits, log_hit: Logits) -> Logits:
    """Take log(1 - P) of a softmax without cancellation.

    Only the largest P of a row can come near 1; its complement is the sum of all the others.
    """
    top = logits.detach().argmax(dim=1, keepdim=True)
    others = logits.scatter(1, top, -math.inf).logsumexp(dim=1, keepdim=True)
    exact = others - logits.logsumexp(dim=1, keepdim=True)
    safe = log_hit.scatter(1, top, -1.0)
    return torch.log1p(-safe.exp()).scatter(1, top, exact)


def _expected(values: Float[Tensor, "q c"], weights: Shares) -> Float[Tensor, "q c"]:
    """Multiply, a weight of 0 silencing even an infinite value."""
    silent = weights == 0
    return values.masked_fill(silent, 0.0) * weights


def _own(logits: Logits, answers: Answers) -> Bool[Tensor, "q c"]:
    """Mark each query's own snippet."""
    return answers.unsqueeze(1) == torch.arange(logits.shape[1], device=logits.device)


def _like(constants: Shares, logits: Logits) -> Shares:
    return constants.detach().to(_wide(logits).dtype)


def _wide(tensor: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
