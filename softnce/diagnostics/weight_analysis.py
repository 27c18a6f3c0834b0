"""What estimators do to the batches of one's own data: scores, weights, and who is turned down.

Source: Figure 2 of the paper, for any set of pairs and any estimator that needs no training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray

from softnce.data.batching import epoch_batches
from softnce.data.pairs import Pair
from softnce.diagnostics.requested import RequestedEstimators, compared_pairs, estimators
from softnce.shapes import Relevance, Shares, Weights
from softnce.weights.duplicates import DuplicatesEstimator, duplicate_weights
from softnce.weights.weighting import (
    Estimator,
    negative_shares,
    negative_weights,
    standardised,
)

Scale = Literal["standardised", "raw"]
_BATCHES = 8  # drawn for the distributions


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Those of Eq. 4.

    Attributes:
        alpha: strength of the correction.
        beta: mass shared by all negatives alike.
        temperature: the paper's t.
        floor: smallest weight.
        scale: raw, which the paper's t was made for; or standardised: each batch's scores over
            their standard deviation.
    """

    alpha: float
    beta: float
    temperature: float
    floor: float = 0.1
    scale: Scale = "standardised"


@dataclass(frozen=True, slots=True)
class Suspect:
    """A negative that an estimator takes for an unlabelled positive.

    Attributes:
        weight: what is left of it in the loss; 1 is InfoNCE.
        share: its part of the query's blame, 0 to 1.
        query: the one it is a negative of.
        other: the query whose function the negative is.
        code: that function.
    """

    weight: float
    share: float
    query: str
    other: str
    code: str


@dataclass(frozen=True, slots=True)
class View:
    """One estimator's view of some random batches.

    Attributes:
        name: of the estimator.
        scores: (n,) of all negatives.
        weights: (n,) of the same.
        suspects: the most turned down, worst first.
        scale: of the scores.
    """

    name: str
    scores: NDArray[np.float64]
    weights: NDArray[np.float64]
    suspects: tuple[Suspect, ...]
    scale: Scale = "standardised"


def views(
    pairs: Sequence[Pair],
    requested: RequestedEstimators,
    coefficients: Coefficients,
    *,
    batch_size: int,
    most: int,
    seed: int = 0,
) -> list[View]:
    """Draw random batches and look at them through each estimator, query against query.

    R_ij compares query i with query j: it asks whether function j, which answers query j, answers
    query i too because the two ask for the same. A teacher compares query i with function j.

    Args:
        pairs: of the training split.
        requested: the estimators.
        coefficients: of Eq. 4.
        batch_size: pairs of a batch.
        most: suspects of each batch.
        seed: of the draw.

    Raises:
        DataError: the pairs do not fill a batch.
        ConfigError: the batch is too small for alpha and beta.
    """
    rows = epoch_batches(len(pairs), batch_size=batch_size, seed=seed, epoch=1)[:_BATCHES]
    drawn = [[pairs[row] for row in batch] for batch in rows.tolist()]
    everyone = [pair for batch in drawn for pair in batch]
    texts = compared_pairs(everyone)
    return [_view(one, drawn, coefficients, most) for one in estimators(requested, texts)]


def _view(
    estimator: Estimator, drawn: Sequence[Sequence[Pair]], coefficients: Coefficients, most: int
) -> View:
    scores, weights, suspects = [], [], list[Suspect]()
    for number, batch in enumerate(drawn):
        rows = torch.arange(number * len(batch), (number + 1) * len(batch))
        relevance = estimator.relevance(rows, rows)
        if coefficients.scale == "standardised":
            relevance = standardised(relevance)
        is_known = isinstance(estimator, DuplicatesEstimator)
        shares, given = _masked(relevance) if is_known else _weighed(relevance, coefficients)
        negative = ~torch.eye(len(batch), dtype=torch.bool)
        scores.append(relevance[negative].double().numpy())
        weights.append(given[negative].double().numpy())
        suspects += _suspects(shares, given, batch, most)
    suspects.sort(key=lambda one: -one.share)
    found = np.concatenate(scores), np.concatenate(weights), tuple(suspects)
    return View(estimator.name, *found, coefficients.scale)


def _weighed(relevance: Relevance, coefficients: Coefficients) -> tuple[Shares, Weights]:
    """Apply Eq. 4."""
    temperature = coefficients.temperature
    weights = negative_weights(
        relevance,
        alpha=coefficients.alpha,
        beta=coefficients.beta,
        temperature=temperature,
        floor=coefficients.floor,
    )
    return negative_shares(relevance, temperature=temperature), weights


def _masked(relevance: Relevance) -> tuple[Shares, Weights]:
    """Leave duplicates out, as a search does: known, not estimated, they do without Eq. 4."""
    marked = (relevance > 0).float().fill_diagonal_(0.0)
    shares = marked / marked.sum(dim=1, keepdim=True).clamp(min=1.0)
    return shares, duplicate_weights(marked, torch.arange(len(marked)), weight=0.0)


def _suspects(
    shares: torch.Tensor, weights: torch.Tensor, batch: Sequence[Pair], most: int
) -> list[Suspect]:
    """Name the negatives with the largest shares, one per query."""
    largest, columns = shares.max(dim=1)
    chosen = largest.topk(min(most, len(batch))).indices.tolist()
    return [
        Suspect(
            weight=float(weights[row, column]),
            share=float(largest[row]),
            query=batch[row].query,
            other=batch[column].query,
            code=batch[column].code,
        )
        for row in chosen
        for column in [cast(int, columns[row].item())]
        if largest[row] > 0
    ]
