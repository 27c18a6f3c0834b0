"""What stands in the denominator beside a query's own candidates: other directions of a batch.

A direction is named by its two sides: ``qc`` scores queries against codes, as every loss does;
``qq`` queries against queries, ``cq`` codes against queries, ``cc`` codes against codes. All see
the same positives, the pairs (i, i) of ``qc``. GTE has all four in one softmax, Qwen3-Embedding
``qc``, ``qq`` and ``cc``; the symmetric loss has ``qc`` and ``cq``, each with its own.
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from softnce.losses.columns import own_values
from softnce.shapes import Answers, Candidates, Queries


def sides(
    direction: str, queries: Queries, candidates: Candidates
) -> tuple[Float[Tensor, "q d"], Float[Tensor, "k d"]]:
    """Return what a direction scores against what.

    Args:
        direction: qq, cq or cc.
        queries: (q, d) of the whole batch.
        candidates: (c, d) codes of the batch in the order of its queries, then hard negatives.
    """
    codes = candidates[: len(queries)]
    return {
        "qq": (queries, queries),
        "cq": (codes, queries),
        "cc": (codes, candidates),
    }[direction]


def pairs_of(direction: str, of_pairs: Shaped[Tensor, "q c"]) -> Shaped[Tensor, "q k"]:
    """Return what is known of query i and candidate j for the pairs that a direction scores.

    Query j stands for the code that answers it, and code i for the query that it answers.

    Args:
        direction: qq, cq or cc.
        of_pairs: (q, c) such as relevance, of the whole batch.
    """
    square = of_pairs[:, : len(of_pairs)]
    return {"qq": square, "cq": square.T, "cc": of_pairs}[direction]


def without_own(block: Shaped[Tensor, "q k"]) -> Shaped[Tensor, "q n"]:
    """Leave out what belongs to the same row: itself, and its own hard negatives.

    Args:
        block: (q, k) a batch against itself, and against the hard negatives of its rows, a row's
            own next to each other.

    Returns:
        (q, k - 1 - own) the negatives.
    """
    rows, size = block.shape
    each = size // rows - 1
    own = torch.arange(rows, device=block.device).unsqueeze(1)
    first = torch.arange(rows - 1, device=block.device)
    rest = torch.arange((rows - 1) * each, device=block.device)
    kept = torch.cat(
        [first + (first >= own), rows + rest + each * (rest >= own * each)],
        dim=1,
    )
    return block.gather(1, kept)


def joined_columns(main: Shaped[Tensor, "q c"], blocks: list[Tensor]) -> Shaped[Tensor, "q n"]:
    """Put the negatives of all directions into one softmax, beside the positive of ``qc``."""
    return torch.cat([main, *blocks], dim=1)


def apart(
    main: Shaped[Tensor, "q c"], block: Shaped[Tensor, "q k"], answers: Answers
) -> Shaped[Tensor, "q n"]:
    """Give a direction a softmax of its own: the positive of ``qc`` first, then its negatives."""
    return torch.cat([own_values(main, answers), block], dim=1)
