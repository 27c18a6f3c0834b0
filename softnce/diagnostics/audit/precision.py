"""Do the estimators turn down what they should? Their precision where they turn down most.

An estimator's weights are decided by the order in which it blames a query's negatives. So it is
asked for as many negatives as there are false ones: of those that it blames most, how many are
false ones? Equal blame counts as drawn at random. ``by chance`` is their share among all.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from softnce.data.batching import epoch_batches
from softnce.data.pairs import Pair
from softnce.diagnostics.human_agreement import JudgedPair, scored_tasks
from softnce.diagnostics.requested import RequestedEstimators, compared_pairs, estimators
from softnce.weights.weighting import Estimator, negative_shares, standardised

Truth = Literal["clones", "people", "answers"]
_SCORED = 4_000_000  # negatives at most, over all batches drawn
_MOST = 100  # batches at most


@dataclass(frozen=True, slots=True)
class EstimatorPrecision:
    """How many of the negatives that an estimator blames most are false ones.

    Attributes:
        estimator: its name.
        truth: what is known: clones (duplicates, in random batches), people (judged pairs) or
            answers (other right answers of a query, beside wrong ones).
        compared: what the query was compared with.
        precision: share of false negatives among the ``false`` most blamed ones.
        by_chance: their share among all.
        false: number of known false negatives, and of those that were looked at.
        all: number of negatives.
    """

    estimator: str
    truth: Truth
    compared: str
    precision: float
    by_chance: float
    false: int
    all: int


def precision_at_most_blamed(
    blame: NDArray[np.float64], is_false: NDArray[np.bool_]
) -> float | None:
    """Return the share of false negatives among the most blamed, as many as there are of them.

    Args:
        blame: (n,) of each negative.
        is_false: (n,) whether it is a false one.

    Returns:
        From 0 to 1; None where there is none to find.

    >>> marks = np.array([True, True, False, False])
    >>> precision_at_most_blamed(np.array([3.0, 2.0, 2.0, 1.0]), marks)
    0.75
    """
    wanted = int(is_false.sum())
    if not wanted:
        return None
    least = np.partition(blame, len(blame) - wanted)[len(blame) - wanted]
    above, at = blame > least, blame == least
    drawn = (wanted - int(above.sum())) * float(is_false[at].mean())
    return (float(is_false[above].sum()) + drawn) / wanted


def on_clones(
    pairs: Sequence[Pair],
    groups: tuple[Sequence[int], Sequence[int]],
    requested: RequestedEstimators,
    *,
    batch_size: int,
    seed: int,
) -> list[EstimatorPrecision]:
    """Ask each estimator for the duplicates in random batches.

    Args:
        pairs: of the training split.
        groups: of their queries and of their functions.
        requested: the estimators.
        batch_size: of the batches.
        seed: of their draw.
    """
    drawn = _batches(len(pairs), batch_size, seed)
    rows, places = np.unique(drawn, return_inverse=True)
    places = places.reshape(drawn.shape)
    chosen = [pairs[row] for row in rows.tolist()]
    texts = compared_pairs(chosen)
    sides = [np.asarray(side)[drawn] for side in groups]
    marked = [side[:, :, None] == side[:, None, :] for side in sides]
    is_false = (marked[0] | marked[1])[:, ~np.eye(batch_size, dtype=bool)].ravel()
    if not is_false.any():
        return []
    return [
        _found(built.name, "clones", "as in training", _blame(built, places), is_false)
        for built in estimators(requested, texts)
    ]


def _batches(pairs: int, size: int, seed: int) -> NDArray[np.int64]:
    """Draw batches of one epoch after another; a set of few pairs has few clones in one."""
    wanted = min(_MOST, max(1, _SCORED // size**2))
    epochs = range(1, 1 + math.ceil(wanted / (pairs // size)))
    drawn = [epoch_batches(pairs, batch_size=size, seed=seed, epoch=one) for one in epochs]
    return np.concatenate(drawn)[:wanted]


def _blame(estimator: Estimator, batches: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of its query's blame that each negative of each batch gets."""
    negative = ~torch.eye(batches.shape[1], dtype=torch.bool)
    found = []
    for batch in batches:
        rows = torch.from_numpy(batch)
        relevance = standardised(estimator.relevance(rows, rows))
        found.append(negative_shares(relevance, temperature=1.0)[negative].double().numpy())
    return np.concatenate(found)


def on_judged(
    judged: Sequence[JudgedPair],
    truth: Truth,
    requested: RequestedEstimators,
    *,
    batch_size: int,
) -> list[EstimatorPrecision]:
    """Ask each estimator which of some judged pairs are right.

    Args:
        judged: in random order; they must hold both kinds.
        truth: how they were judged.
        requested: the estimators.
        batch_size: pairs that are scored together, BM25's corpus.
    """
    return list(_judged(judged, truth, requested, batch_size))


def _judged(
    judged: Sequence[JudgedPair], truth: Truth, requested: RequestedEstimators, batch_size: int
) -> Iterator[EstimatorPrecision]:
    for task in scored_tasks(judged, requested, batch_size=batch_size):
        yield _found(task.estimator, truth, task.compared, task.places, task.is_true)


def _found(
    name: str,
    truth: Truth,
    compared: str,
    blame: NDArray[np.float64],
    is_false: NDArray[np.bool_],
) -> EstimatorPrecision:
    precision = precision_at_most_blamed(blame, is_false)
    return EstimatorPrecision(
        estimator=name,
        truth=truth,
        compared=compared,
        precision=precision or 0.0,
        by_chance=float(is_false.mean()),
        false=int(is_false.sum()),
        all=len(is_false),
    )
