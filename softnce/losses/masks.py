"""Margin masks: negatives that the estimator takes for answers are left out."""

import math

from jaxtyping import Bool
from torch import Tensor

from softnce.losses.columns import constants, own_columns, own_values, require_setting, wide
from softnce.losses.infonce import info_nce
from softnce.shapes import Answers, Logits, Loss, Number, Relevance


def margin_info_nce(
    logits: Logits,
    relevance: Relevance,
    answers: Answers,
    *,
    margin: Number | None,
    relative: bool = False,
) -> Loss:
    """Compute InfoNCE without the negatives that score near or above the query's own snippet.

    Source: Qwen3-Embedding (the encoder's own cosine, margin +0.1), GISTEmbed (a guide's cosine,
    margin 0; ``margin`` of sentence-transformers is minus ours), NV-Retriever (relative, 0.05).

    Args:
        logits: (q, c) similarity over temperature.
        relevance: (q, c) real scores, higher is more alike; never differentiated. A relative margin
            is a share of the own score, so it needs a scale with a true zero.
        answers: (q,) column of each query's own snippet.
        margin: a negative goes iff its score exceeds the own one plus this; where relative, iff it
            exceeds the own one minus this share of its size. None, or plus infinity where not
            relative, is InfoNCE. A row without negatives adds 0.
        relative: whether the margin is a share of the own score, 0 to 1.

    Returns:
        The mean loss in nats, in float32 at least.

    Raises:
        ConfigError: the margin is NaN, or a relative one outside 0 to 1.
    """
    kept = within_margin(logits, relevance, answers, margin=margin, relative=relative)
    loss = info_nce(wide(logits).masked_fill(~kept, -math.inf), answers)
    return loss.masked_fill(relevance.isnan().any(), math.nan)


def within_margin(
    logits: Logits,
    relevance: Relevance,
    answers: Answers,
    *,
    margin: Number | None,
    relative: bool = False,
) -> Bool[Tensor, "q c"]:
    """Mark the pairs that a margin mask keeps; each query's own snippet is one of them.

    Args:
        logits: (q, c) in whose precision scores are compared.
        relevance: (q, c) real scores.
        answers: (q,) column of each query's own snippet.
        margin: see ``margin_info_nce``.
        relative: see ``margin_info_nce``.

    Raises:
        ConfigError: the margin is NaN, or a relative one outside 0 to 1.
    """
    limit = math.inf if margin is None else margin
    is_sound = limit == limit and (margin is None or not relative or 0 <= limit <= 1)
    require_setting(
        is_sound,
        f"loss.margin={margin} is no {'share of the own score' if relative else 'margin'}",
        "give a number from 0 to 1" if relative else "give a number, or null for no mask",
    )
    scores = constants(relevance, logits)
    own = own_values(scores, answers)
    bound = own - limit * own.abs() if relative and margin is not None else own + limit
    return ~(scores > bound) | own_columns(logits, answers)
