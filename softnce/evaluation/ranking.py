"""Exact ranks of the right snippet among all candidates, and the retrieval metrics on them."""

import math
from collections.abc import Callable
from hashlib import blake2b
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from softnce.errors import ConfigError, DataError, RunError
from softnce.evaluation.metric_names import RETRIEVAL_METRICS
from softnce.shapes import Candidates, Queries, Ranks

BLOCK_BYTES = 32 * 2**20  # of scores held at once
TIES = {"optimistic": 0.0, "average": 0.5, "pessimistic": 1.0}  # share of the ties ranked ahead


def ranks(
    queries: Queries,
    candidates: Candidates,
    answers: Int[Tensor, " answers"],
    *,
    ties: Literal["optimistic", "average", "pessimistic"] = "average",
) -> Ranks:
    """Find the place of each query's own snippet when all candidates are sorted by dot product.

    The rank is 1 + #(higher scores) + #(other equal scores) / 2: exact, without a cut-off, never
    below float32, whatever autocast says. Equal candidate vectors tie exactly. Scores are made
    for a block of queries at a time, so memory does not grow with their number.

    Args:
        queries: (q, d) query vectors; for the cosine give vectors of length 1.
        candidates: (c, d) snippet vectors.
        answers: (q,) row of each query's own snippet among the candidates.
        ties: where the right snippet stands among equal scores: first, in the middle, or last.

    Returns:
        (q,) ranks in float64, from 1 to c, on the device of the queries.

    Raises:
        DataError: there is nothing to rank, or an answer is no row of the candidates.
        RunError: a vector holds NaN or infinity, or a dot product overflows.
    """
    _require_answers(len(queries), len(candidates), answers)
    _require_finite(queries, candidates)
    precision = torch.promote_types(
        torch.promote_types(queries.dtype, candidates.dtype), torch.float32
    )
    candidates, copies = candidates.to(precision), repeated_vectors(candidates)
    rows = min(len(queries), max(1, BLOCK_BYTES // (len(candidates) * precision.itemsize)))
    scores = candidates.new_empty(rows, len(candidates))  # one for all blocks: the heap stays whole
    found = torch.empty(len(queries), dtype=torch.float64, device=queries.device)
    may_overflow = _may_overflow(queries, candidates)
    with torch.no_grad(), torch.autocast(queries.device.type, enabled=False):
        for start in range(0, len(queries), rows):
            block = queries[start : start + rows].to(precision)
            here = slice(start, start + len(block))
            part = torch.mm(block, candidates.T, out=scores[: len(block)])
            if may_overflow:
                _require_finite_products(part)
            found[here] = _block_ranks(part, answers[here].long(), copies, ties)
    return found


def mrr(ranks: Ranks, cutoff: int | None = None) -> float:
    """Average the reciprocal ranks, the number that code search is judged by.

    Args:
        ranks: (q,) ranks from 1.
        cutoff: deepest rank that still counts; ``None`` counts all.

    Returns:
        The mean, 0 to 1.

    >>> mrr(torch.tensor([1.0, 2.0, 4.0]))
    0.5833
    """
    return _mean_until(ranks.reciprocal(), ranks, cutoff)


def recall_at(ranks: Ranks, k: int) -> float:
    """Tell how many queries find their snippet among the first k: the share, 0 to 1.

    Args:
        ranks: (q,) ranks from 1.
        k: number of results looked at.
    """
    return _mean_until(torch.ones_like(ranks), ranks, k)


def ndcg_at(ranks: Ranks, k: int) -> float:
    """Average the discounted gain 1 / log2(1 + rank) of the one right snippet, 0 to 1.

    Args:
        ranks: (q,) ranks from 1.
        k: number of results looked at.
    """
    return _mean_until(torch.log2(1 + ranks).reciprocal(), ranks, k)


def retrieval_metrics(ranks: Ranks) -> dict[str, float]:
    """Sum up an evaluation in the metrics that every run logs.

    Args:
        ranks: (q,) ranks from 1.
    """
    return {name: _metric(name, ranks) for name in RETRIEVAL_METRICS}


def macro_metrics(ranks: Ranks, groups: Int[Tensor, " q"]) -> dict[str, float]:
    """Sum up an evaluation as the mean over groups of queries, each counting the same.

    Args:
        ranks: (q,) ranks from 1.
        groups: (q,) number of the group of each query, such as its language.
    """
    found = [retrieval_metrics(ranks[groups == one]) for one in torch.unique(groups)]
    return {name: sum(one[name] for one in found) / len(found) for name in RETRIEVAL_METRICS}


def _metric(name: str, ranks: Ranks) -> float:
    """Compute a metric by its name: its family, and how many results it looks at."""
    family, _, cutoff = name.partition("_at_")
    return _FAMILIES[family](ranks, int(cutoff)) if cutoff else mrr(ranks)


_FAMILIES: dict[str, Callable[[Ranks, int], float]] = {
    "mrr": mrr,
    "recall": recall_at,
    "ndcg": ndcg_at,
}


def _block_ranks(
    scores: Float[Tensor, "q c"],
    answers: Int[Tensor, " q"],
    copies: tuple[Int[Tensor, " n"], Int[Tensor, " n"]],
    ties: str,
) -> Ranks:
    """Rank by counting, each positive's score being read from the block itself.

    Counts are int32, whose sums are vectorised; int64 takes five times as long.
    """
    later, first = copies
    if len(later):
        scores[:, later] = scores[:, first]
    positive = scores.gather(1, answers.unsqueeze(1))
    ahead = (scores > positive).sum(dim=1, dtype=torch.int32)
    equal = (scores == positive).sum(dim=1, dtype=torch.int32) - 1
    return 1.0 + ahead.double() + TIES[ties] * equal.double()


def repeated_vectors(candidates: Candidates) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
    """Pair each repeated vector with its first appearance: (n,) later rows, (n,) first ones.

    A matrix product may round equal columns differently, depending on where they stand.
    """
    seen: dict[bytes, int] = {}
    raw = candidates.detach().contiguous().view(torch.uint8).numpy(force=True)
    digests = (blake2b(row, digest_size=16).digest() for row in raw)
    pairs = [(i, j) for i, digest in enumerate(digests) if (j := seen.setdefault(digest, i)) != i]
    later, first = torch.tensor(pairs, dtype=torch.long, device=candidates.device).view(-1, 2).T
    return later, first


def _require_answers(queries: int, candidates: int, answers: Tensor) -> None:
    if not queries or not candidates:
        raise DataError(
            f"nothing to rank: {queries} queries and {candidates} candidates, 1 of each is needed"
        )
    if len(answers) != queries:
        raise DataError(
            f"{queries} queries but {len(answers)} answers",
            "give each query one",
        )
    outside = int(((answers < 0) | (answers >= candidates)).sum())
    if outside:
        raise DataError(
            f"{outside} of {queries} answers are no row of the {candidates} candidates",
            f"number them 0 to {candidates - 1}",
        )


def _require_finite(queries: Queries, candidates: Candidates) -> None:
    """Refuse broken vectors; a row's sum is finite only if the row is."""
    faults = [
        int((~v.sum(dim=1, dtype=torch.promote_types(v.dtype, torch.float32)).isfinite()).sum())
        for v in (queries, candidates)
    ]
    if any(faults):
        raise RunError(
            f"{faults[0]} of {len(queries)} query vectors and {faults[1]} of {len(candidates)} "
            "candidate vectors hold NaN or infinity, so the encoder has diverged",
            "lower optim.learning_rate",
        )


def _may_overflow(queries: Queries, candidates: Candidates) -> bool:
    """Tell whether some dot product could leave its precision; looks at the largest numbers only.

    Candidates have the precision that scores are made in.
    """
    left, right = (
        float(torch.linalg.vector_norm(vectors.detach(), ord=math.inf))
        for vectors in (queries, candidates)
    )
    return candidates.shape[1] * left * right > torch.finfo(candidates.dtype).max


def _require_finite_products(scores: Float[Tensor, "q c"]) -> None:
    faults = int((~scores.isfinite()).sum())
    if faults:
        raise RunError(
            f"{faults} of {scores.numel()} dot products of finite vectors overflow "
            f"{str(scores.dtype).removeprefix('torch.')}, so the encoder has diverged",
            "lower optim.learning_rate, or set encoder.similarity to cosine",
        )


def _mean_until(values: Ranks, ranks: Ranks, cutoff: int | None) -> float:
    if cutoff is not None and cutoff < 1:
        raise ConfigError(
            f"a metric at {cutoff} results counts nothing",
            "look at 1 or more",
        )
    return values.where(ranks <= (math.inf if cutoff is None else cutoff), 0.0).mean().item()
