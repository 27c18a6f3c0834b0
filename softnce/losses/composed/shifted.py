"""Mask, tilt, debiasing and promotion in one loss, on one path of the logits."""

import math

from softnce.errors import ConfigError
from softnce.losses.columns import require_negatives, wide
from softnce.losses.debiased import debiased_info_nce
from softnce.losses.masks import within_margin
from softnce.losses.promotion import pull, relevant_targets, require_share
from softnce.losses.tilt import tilted
from softnce.shapes import Answers, Logits, Loss, Number, Relevance


def shifted_info_nce(  # noqa: PLR0913  (each a dimension of the search)
    logits: Logits,
    relevance: Relevance,
    answers: Answers,
    *,
    margin: Number | None = None,
    relative: bool = False,
    strength: Number = 0.0,
    prior: Number = 0.0,
    temperature: Number = 1.0,
    share: Number = 0.0,
    promotion_temperature: Number = 1.0,
) -> Loss:
    """Mask, then tilt, then debias the negatives' sum, and promote what is relevant.

    Each step alone is the loss of its own module; all at their defaults are InfoNCE.

    Args:
        logits: (q, c) similarity over temperature; minus infinity removes a pair.
        relevance: (q, c) scores, higher is more alike; never differentiated.
        answers: (q,) column of each query's own snippet.
        margin: see ``margin_info_nce``; None masks nothing.
        relative: see ``margin_info_nce``.
        strength: see ``tilted_info_nce``.
        prior: see ``debiased_info_nce``; the sum is that of the negatives left, tilted.
        temperature: see ``debiased_info_nce``.
        share: see ``promoted_info_nce``.
        promotion_temperature: the temperature of ``promoted_info_nce``.

    Returns:
        The mean loss in nats, in float32 at least.

    Raises:
        ConfigError: a setting is out of range, or what is masked would be promoted.
    """
    require_share(share)
    require_negatives(logits)
    if share > 0 and margin is not None:
        raise ConfigError(
            f"loss.margin={margin} and loss.promotion={share}: the mask drops the negatives that "
            "promotion is for",
            "set loss.margin to null, or loss.promotion to 0",
        )
    kept = within_margin(logits, relevance, answers, margin=margin, relative=relative)
    scores = wide(logits).masked_fill(~kept, -math.inf)
    scores = tilted(scores, relevance, answers, strength=strength)
    loss = debiased_info_nce(scores, answers, prior=prior, temperature=temperature)
    if share > 0:
        targets = relevant_targets(logits, relevance, answers, temperature=promotion_temperature)
        loss = loss + share * pull(scores, targets, answers)
    return loss.masked_fill(relevance.isnan().any(), math.nan)
