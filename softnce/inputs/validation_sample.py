"""The queries and candidates that a trial is validated on: all, or a fixed sample of them.

Validation runs after every epoch, so by default it is held to a fifth of a trial: a token costs a
third of what it costs in training, which goes forwards and backwards. A static encoder is another
matter: training writes its whole table at each step, and to compare each query with each candidate
costs it as much as to read them. A confirmation ranks all.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softnce.config.config import Config

_SHARE = 0.2  # of a trial, for validation
_SEED = 20_231


@dataclass(frozen=True, slots=True)
class _Costs:
    """What an encoder's work costs, as measured on a CPU.

    Attributes:
        passes: of training a token, in readings of one.
        comparison: of a query with a candidate, in readings of a token.
        fewest: queries and candidates, however short the training: fewer tell little.
    """

    passes: float
    comparison: float
    fewest: tuple[int, int]


_COSTS = {
    "static": _Costs(passes=6.0, comparison=0.1, fewest=(500, 1000)),
    "transformer": _Costs(passes=3.0, comparison=0.0, fewest=(100, 200)),
}


@dataclass(frozen=True, slots=True)
class TextLengths:
    """How long the texts are that are encoded, in tokens on average, after truncation.

    Attributes:
        pair: of training, with its hard negatives.
        query: of the validation split.
        candidate: that it is ranked against.
    """

    pair: float
    query: float
    candidate: float


@dataclass(frozen=True, slots=True)
class SampleSize:
    """How many of a split are looked at.

    Attributes:
        queries: of the validation split.
        candidates: that they are ranked against.
    """

    queries: int
    candidates: int


@dataclass(frozen=True, slots=True)
class Sample:
    """The rows of a sample.

    Attributes:
        queries: (q,) rows of the split, in order.
        candidates: (c,) rows of all candidates, in order.
        answers: (q,) place of each query's answer among the candidates of the sample.
    """

    queries: NDArray[np.int64]
    candidates: NDArray[np.int64]
    answers: NDArray[np.int64]


def sample_size(
    config: Config, *, train: int, queries: int, candidates: int, lengths: TextLengths
) -> SampleSize:
    """Choose how many queries and candidates a trial is validated on.

    Args:
        config: its caps, and how long an epoch is.
        train: training pairs.
        queries: of the validation split.
        candidates: that they are ranked against.
        lengths: of their texts.
    """
    search, optim, costs = config.search, config.optim, _COSTS[config.encoder.kind]
    pairs = min(train, (optim.max_steps or train) * optim.batch_size) * optim.evaluate_every
    budget = _SHARE / (1 - _SHARE) * costs.passes * pairs * lengths.pair
    own, searched = queries, candidates
    if _cost(queries, candidates, lengths, costs) > budget:
        most, (fewest_queries, fewest_candidates) = (
            _affordable(budget, lengths, costs),
            costs.fewest,
        )
        queries = min(queries, max(fewest_queries, int(most)))
        rest = (budget - queries * lengths.query) / (lengths.candidate + costs.comparison * queries)
        candidates = min(candidates, max(fewest_candidates, int(rest)))
    queries = min(own, search.max_validation_queries or queries)
    candidates = min(searched, search.max_validation_candidates or candidates)
    return SampleSize(queries, max(queries, candidates))


def _cost(queries: int, candidates: int, lengths: TextLengths, costs: _Costs) -> float:
    """Return what a validation costs, in tokens that the encoder reads."""
    read = queries * lengths.query + candidates * lengths.candidate
    return read + costs.comparison * queries * candidates


def _affordable(budget: float, lengths: TextLengths, costs: _Costs) -> float:
    """Return how many queries can be asked of twice as many candidates each."""
    each = lengths.query + 2 * lengths.candidate
    if not costs.comparison:
        return budget / each
    twice = 4 * costs.comparison
    return (math.sqrt(each**2 + 2 * twice * budget) - each) / twice


def drawn_sample(answers: NDArray[np.int64], candidates: int, size: SampleSize) -> Sample:
    """Draw a sample, always the same: the answers of its queries, and others at random.

    Args:
        answers: (q,) each query's answer among the candidates.
        candidates: how many there are.
        size: of the sample.
    """
    draw = np.random.default_rng(_SEED)
    queries = np.sort(draw.permutation(len(answers))[: size.queries])
    needed = np.unique(answers[queries])
    others = draw.permutation(np.setdiff1d(np.arange(candidates), needed))
    chosen = np.sort(np.concatenate([needed, others[: max(0, size.candidates - len(needed))]]))
    return Sample(queries, chosen, np.searchsorted(chosen, answers[queries]))
