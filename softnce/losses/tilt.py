"""A signed tilt: negatives are hardened or relieved in proportion to their relevance."""

from softnce.losses.columns import constants, is_between, own_columns, require_setting, wide
from softnce.losses.infonce import info_nce
from softnce.shapes import Answers, Logits, Loss, Number, Relevance

STEEPEST = 1e6  # times a score of 1e32 is still a number of float32


def tilted_info_nce(
    logits: Logits, relevance: Relevance, answers: Answers, *, strength: Number
) -> Loss:
    """Compute InfoNCE after adding strength times relevance to the logit of each negative.

    Source: EmbeddingGemma (5, on hard negatives) and LLaVE (9, in the batch), which harden by the
    encoder's own similarity, as sentence-transformers' ``hardness_strength`` does; Robinson 2021 is
    the same, normalised. A negative strength relieves what looks like an unlabelled positive. With
    the encoder's own similarity the tilt imitates another temperature on the negatives.

    Args:
        logits: (q, c) similarity over temperature.
        relevance: (q, c) real scores, higher is more alike; never differentiated.
        answers: (q,) column of each query's own snippet.
        strength: k, in nats per unit of relevance; 0 is InfoNCE, above 0 hardens, below relieves.

    Returns:
        The mean loss in nats, in float32 at least.

    Raises:
        ConfigError: the strength is so large that float32 may overflow.
    """
    return info_nce(tilted(logits, relevance, answers, strength=strength), answers)


def tilted(logits: Logits, relevance: Relevance, answers: Answers, *, strength: Number) -> Logits:
    """Add strength times relevance to the logit of each negative.

    Args:
        logits: (q, c) similarity over temperature; minus infinity stays so.
        relevance: (q, c) real scores.
        answers: (q,) column of each query's own snippet.
        strength: see ``tilted_info_nce``.

    Raises:
        ConfigError: the strength is so large that float32 may overflow, or the scores do not fit.
    """
    require_setting(
        is_between(strength, -STEEPEST, STEEPEST),
        f"loss.tilt={strength} overflows float32 as a shift of logits",
        f"give a number from -{STEEPEST:g} to {STEEPEST:g}",
    )
    if strength == 0:  # whatever the scores are, infinite ones among them
        return wide(logits)
    shift = strength * constants(relevance, logits)
    silent = own_columns(logits, answers) | logits.detach().isneginf()
    return wide(logits) + shift.masked_fill(silent, 0.0)
