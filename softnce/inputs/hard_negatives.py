"""Hard negatives of a frozen guide: what it finds near a query, and does not take for an answer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from softnce.data.pairs import Pair
from softnce.encoders.encoder import Encoder
from softnce.errors import ConfigError, SetupError
from softnce.inputs.negative_pools import NegativePools, Score, negative_pools
from softnce.losses.infonce import similarity
from softnce.weights.bm25 import BM25Estimator, terms
from softnce.weights.duplicates import code_groups, query_groups


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
        pools: what they were drawn from.
    """

    rows: NDArray[np.int64]
    pools: NegativePools


def mined_negatives(pairs: Sequence[Pair], score: Score, rule: MiningRule) -> MinedNegatives:
    """Draw each query's hard negatives in proportion to e^(score / temperature).

    Source: CoRNStack, which anneals over training, as ``data.negatives_from`` does; here over a
    query's draws, so that one column of the data holds them from easy to hard.

    Args:
        pairs: of the training split, and of no other.
        score: the guide.
        rule: how to choose.

    Raises:
        DataError: a query has too few functions that are no duplicates.
        RunError: a score is not finite.
    """
    groups = (
        np.array(query_groups([pair.query for pair in pairs])),
        np.array(code_groups([pair.code for pair in pairs], [pair.language for pair in pairs])),
    )
    pools = negative_pools(groups, score, size=rule.pool, margin=rule.margin, least=rule.each)
    draw = np.random.default_rng(rule.seed)
    rows = [_drawn(*one, rule, draw) for one in zip(pools.rows, pools.scores, strict=True)]
    return MinedNegatives(np.array(rows), pools)


def _drawn(
    rows: NDArray[np.int32],
    scores: NDArray[np.float32],
    rule: MiningRule,
    draw: np.random.Generator,
) -> list[int]:
    """Draw without replacement, ever more sharply."""
    left = np.flatnonzero(rows >= 0).tolist()
    found = []
    for temperature in np.geomspace(rule.hottest, rule.coldest, rule.each):
        values = scores[left].astype(np.float64) / temperature
        chances = np.exp(values - values.max())
        found.append(left.pop(int(draw.choice(len(left), p=chances / chances.sum()))))
    return [int(row) for row in rows[found]]


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
    from softnce.encoders.transformer import stored_encoder  # seconds to import

    try:
        encoder = stored_encoder(model)
    except (SetupError, ConfigError) as error:
        raise error.at("--guide") from error
    return encoder_guide(pairs, encoder)


def encoder_guide(pairs: Sequence[Pair], encoder: Encoder) -> Score:
    """Score queries against all functions by the cosines of an encoder's vectors."""
    queries = encoder.tokenize([pair.query for pair in pairs])
    codes = encoder.tokenize(
        [pair.code for pair in pairs],
        side="code",
        languages=[pair.language for pair in pairs],
    )
    return vector_guide(encoder.encode_all(queries), encoder.encode_all(codes), kind="cosine")


def vector_guide(
    queries: torch.Tensor, codes: torch.Tensor, *, kind: Literal["cosine", "dot"]
) -> Score:
    """Score queries against all functions by their (n, d) vectors."""
    return lambda rows: similarity(queries[torch.from_numpy(rows)], codes, kind=kind)
