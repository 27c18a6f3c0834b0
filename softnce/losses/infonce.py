"""The contrastive losses of the package: InfoNCE and Soft-InfoNCE.

A weight on a negative is a shift of its logit: Soft-InfoNCE is the cross-entropy of
``logits + log(weights)``. A weight of 1 is InfoNCE, a weight of 0 removes the pair.

Equation numbers: Li et al., "Rethinking Negative Pairs in Code Search", EMNLP 2023.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from softnce.shapes import Answers, Candidates, Logits, Loss, Queries, Weights


def similarity(
    queries: Queries, candidates: Candidates, *, kind: Literal["cosine", "dot"]
) -> Logits:
    """Score every query against every candidate; divide by the temperature to get logits.

    The product is taken in float32 at least, also under autocast: a bfloat16 dot product of 500
    is off by a whole nat.

    Args:
        queries: (q, d) query vectors.
        candidates: (c, d) snippet vectors.
        kind: ``cosine`` scales every vector to length 1 first (a zero vector scores 0), ``dot``
            takes the vectors as they are.

    Returns:
        (q, c) similarities, higher is more alike.
    """
    with torch.autocast(queries.device.type, enabled=False):
        left, right = _wide(queries), _wide(candidates)
        if kind == "cosine":
            left, right = F.normalize(left, dim=1), F.normalize(right, dim=1)
        return left @ right.T


def info_nce(logits: Logits, answers: Answers) -> Loss:
    """Pull each query to its own snippet and away from all other candidates alike.

    Source: Eq. 1, from queries to snippets. Eq. 10 of the paper has a sign slip: its right side is
    the loss minus log(N - 1), not plus. The >= of Eq. 9 takes p(c_i) / p(c_i|q_i) <= 1 for granted,
    as CPC does: a snippet no less likely with its query than without.

    Args:
        logits: (q, c) similarity over temperature; minus infinity removes a pair.
        answers: (q,) column of each query's own snippet; c may exceed q.

    Returns:
        The mean loss in nats, in float32 at least.

    >>> info_nce(torch.tensor([[0.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1])).item()
    0.6931
    """
    return F.cross_entropy(_wide(logits), answers.long())


def soft_info_nce(logits: Logits, weights: Weights, answers: Answers) -> Loss:
    """Compute InfoNCE with each negative's share of the partition sum scaled by its weight.

    Source: Eq. 3, in the log domain: no epsilon, so no gradient is lost when the positive trails
    far behind. Eq. 5 gives the gradient for the negatives only; for the positive it is
    (1/q) (e^z_ii / sum_k w_ik e^z_ik - 1).

    Negative weights (Eq. 4 without a floor) are summed exactly. Where they outweigh the positive
    part, the logarithm has no value and the loss is not finite: the training loop must refuse it.

    Args:
        logits: (q, c) similarity over temperature.
        weights: (q, c) weights of the pairs; treated as constants. Those of the answers are taken
            as 1, whatever they hold; 0 removes a pair; all 1 is plain InfoNCE.
        answers: (q,) column of each query's own snippet.

    Returns:
        The mean loss in nats, in the precision of the logits, float32 at least.
    """
    logits, column = _wide(logits), answers.long().unsqueeze(1)
    constants = weights.detach().to(logits.dtype).scatter(1, column, 1.0)
    shifted = logits + constants.abs().log()
    peak = shifted.detach().amax(dim=1, keepdim=True)
    partition = (constants.sign() * (shifted - peak).exp()).sum(dim=1, keepdim=True)
    return ((peak - logits.gather(1, column)) + partition.log()).mean()


def symmetric_info_nce(logits: Logits, answers: Answers) -> Loss:
    """Average InfoNCE over both directions, query to snippet and snippet to query.

    Not in the paper, which only ranks snippets for a query.

    Args:
        logits: (q, c) similarity over temperature, with the rows of all queries of the batch.
        answers: (q,) column of each query's own snippet, all different; in the snippet to query
            direction the columns of other candidates are left out.

    Returns:
        The mean of the two mean losses.
    """
    backwards, own = logits[:, answers].T, torch.arange(len(answers), device=logits.device)
    return (info_nce(logits, answers) + info_nce(backwards, own)) / 2


def symmetric_soft_info_nce(logits: Logits, weights: Weights, answers: Answers) -> Loss:
    """Average Soft-InfoNCE over both directions, each pair keeping its one weight.

    Not in the paper. See ``symmetric_info_nce`` for the second direction.

    Args:
        logits: (q, c) similarity over temperature, with the rows of all queries of the batch.
        weights: (q, c) weights of the pairs, used in both directions.
        answers: (q,) column of each query's own snippet, all different.

    Returns:
        The mean of the two mean losses.
    """
    own = torch.arange(len(answers), device=logits.device)
    backwards = soft_info_nce(logits[:, answers].T, weights[:, answers].T, own)
    return (soft_info_nce(logits, weights, answers) + backwards) / 2


def _wide(tensor: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
