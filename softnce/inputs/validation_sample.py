"""The queries and candidates that a trial is validated on: all, or a fixed sample of them.

Validation runs after every epoch, so by default it is held to a fifth of a trial: a text costs a
third of what it costs in training, which goes forwards and backwards. A confirmation ranks all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softnce.config.config import Config

_SHARE = 0.2  # of a trial, for validation
_PASSES = 3  # of training for one of validation
_FEWEST_QUERIES, _FEWEST_CANDIDATES = 500, 1000  # however short the training: fewer are noise
_SEED = 20_231


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


def sample_size(config: Config, *, train: int, queries: int, candidates: int) -> SampleSize:
    """Choose how many queries and candidates a trial is validated on.

    Args:
        config: its caps, and how long an epoch is.
        train: training pairs.
        queries: of the validation split.
        candidates: that they are ranked against.
    """
    search, optim = config.search, config.optim
    pairs = min(train, (optim.max_steps or train) * optim.batch_size) * optim.evaluate_every
    texts = int(_SHARE / (1 - _SHARE) * _PASSES * 2 * pairs)
    own = queries
    if queries + candidates > texts:
        queries = min(queries, max(_FEWEST_QUERIES, texts // 3))
        candidates = min(candidates, max(_FEWEST_CANDIDATES, texts - queries))
    queries = min(own, search.max_validation_queries or queries)
    candidates = search.max_validation_candidates or candidates
    return SampleSize(queries, max(queries, candidates))


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
