"""Hard negatives of a frozen guide: what it finds near a query, and does not take for an answer."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from softnce.data.pairs import Pair
from softnce.errors import ConfigError, DataError
from softnce.weights.bm25 import BM25Estimator, terms
from softnce.weights.duplicates import code_groups, query_groups
from softnce.weights.weighting import require_finite

Score = Callable[[NDArray[np.int64]], torch.Tensor]  # (k,) rows: (k, n) against all functions
_ROWS = 256  # queries scored at a time


@dataclass(frozen=True, slots=True)
class MiningRule:
    """How hard negatives are chosen.

    Attributes:
        each: negatives of a query, 1 or more.
        pool: nearest functions that are drawn from, and looked at for false negatives.
        margin: a function goes iff its score exceeds the own one minus this share of its size.
        hottest: temperature of a query's first draw, in standard deviations of the guide's scores.
        coldest: of its last draw; those between are spaced evenly in their logarithm.
        seed: of the draws.
    """

    each: int
    pool: int = 100
    margin: float = 0.05
    hottest: float = 2.0
    coldest: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse a rule that cannot be followed.

        Raises:
            ConfigError: a number is out of range.
        """
        if not 1 <= self.each <= self.pool:
            raise ConfigError(
                f"{self.each} hard negatives of a query from its {self.pool} nearest functions",
                "give a number from 1 to the size of the pool",
            )
        if not 0 <= self.margin < 1:
            raise ConfigError(
                f"margin={self.margin} is no share", "give a number from 0 to below 1"
            )
        if not 0 < self.coldest <= self.hottest < math.inf:
            raise ConfigError(
                f"temperatures from {self.hottest} to {self.coldest}",
                "give two numbers above 0, the second not above the first",
            )


@dataclass(frozen=True, slots=True)
class MinedNegatives:
    """Hard negatives of the training queries.

    Attributes:
        rows: (n, each) training rows whose functions are the negatives, the least sharply drawn
            first.
        suspected: share of the nearest functions that the margin took for false negatives.
        duplicates: share of them that duplicate the query or its function.
    """

    rows: NDArray[np.int64]
    suspected: float
    duplicates: float


def mined_negatives(pairs: Sequence[Pair], score: Score, rule: MiningRule) -> MinedNegatives:
    """Draw each query's hard negatives in proportion to e^(score / temperature).

    Source: CoRNStack, which anneals over training; here over a query's draws, so that one column of
    the data holds them from easy to hard. The mask is NV-Retriever's.

    Args:
        pairs: of the training split, and of no other.
        score: the guide.
        rule: how to choose.

    Raises:
        DataError: a query has too few functions that are neither duplicates nor suspected.
        RunError: a score is not finite.
    """
    groups = [
        np.array(query_groups([pair.query for pair in pairs])),
        np.array(code_groups([pair.code for pair in pairs], [pair.language for pair in pairs])),
    ]
    draw, chosen = np.random.default_rng(rule.seed), []
    suspected = duplicates = looked_at = 0
    for row, scores in _rows(len(pairs), score):
        nearest = np.argsort(-scores, kind="stable")[: rule.pool + 1]
        nearest = nearest[nearest != row][: rule.pool]
        known = (groups[0][nearest] == groups[0][row]) | (groups[1][nearest] == groups[1][row])
        false = scores[nearest] > scores[row] - rule.margin * abs(scores[row])
        looked_at += len(nearest)
        duplicates += int(known.sum())
        suspected += int((false & ~known).sum())
        chosen.append(_drawn(pairs[row], nearest[~(known | false)], scores, rule, draw))
    looked_at = max(looked_at, 1)
    return MinedNegatives(np.array(chosen), suspected / looked_at, duplicates / looked_at)


def _rows(count: int, score: Score) -> Iterator[tuple[int, NDArray[np.float64]]]:
    for start in range(0, count, _ROWS):
        rows = np.arange(start, min(start + _ROWS, count))
        found = score(rows)
        require_finite(found, source="the guide")
        yield from zip(rows.tolist(), found.double().cpu().numpy(), strict=True)


def _drawn(
    pair: Pair,
    pool: NDArray[np.int64],
    scores: NDArray[np.float64],
    rule: MiningRule,
    draw: np.random.Generator,
) -> list[int]:
    """Draw without replacement, ever more sharply."""
    if len(pool) < rule.each:
        raise DataError(
            f"{pair.id}: {len(pool)} functions are neither duplicates nor suspected false "
            f"negatives, and {rule.each} are wanted",
            "lower --each, raise --pool, or lower --margin",
        )
    left = pool.tolist()
    spread = float(scores.std()) or 1.0
    found = []
    for temperature in np.geomspace(rule.hottest, rule.coldest, rule.each):
        values = scores[left] / (spread * temperature)
        chances = np.exp(values - values.max())
        found.append(left.pop(int(draw.choice(len(left), p=chances / chances.sum()))))
    return found


def bm25_guide(pairs: Sequence[Pair]) -> Score:
    """Score queries against all functions by BM25 of their words."""
    estimator = BM25Estimator(
        [terms(pair.query) for pair in pairs],
        documents=[terms(pair.code) for pair in pairs],
        variant="lucene",
    )
    everything = torch.arange(len(pairs))
    return lambda rows: estimator.relevance(torch.from_numpy(rows), everything)


def model_guide(pairs: Sequence[Pair], model: str) -> Score:
    """Score queries against all functions by the cosines of an encoder's vectors.

    Args:
        pairs: of the training split.
        model: folder or hub id.

    Raises:
        SetupError: it cannot be loaded.
    """
    from softnce.encoders.transformer import transformer_encoder  # seconds to import

    encoder = transformer_encoder(model)
    queries, codes = (
        torch.nn.functional.normalize(encoder.encode_all(encoder.tokenize(texts)), dim=1)
        for texts in ([pair.query for pair in pairs], [pair.code for pair in pairs])
    )
    return lambda rows: queries[torch.from_numpy(rows)] @ codes.T
