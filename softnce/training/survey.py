"""What estimators do to the batches of one's own data: scores, weights, and who is turned down.

Source: Figure 2 of the paper, for any set of pairs and any estimator that needs no training.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from softnce.data.batching import epoch_batches
from softnce.data.pairs import Pair
from softnce.errors import ConfigError
from softnce.weights.bm25 import BM25Estimator, VariantName, terms
from softnce.weights.neural import VectorEstimator
from softnce.weights.weighting import (
    Estimator,
    negative_shares,
    negative_weights,
    standardised,
)

WORDS: dict[str, VariantName] = {
    "bm25": "okapi",
    "bm25-official": "official",
    "bm25-lucene": "lucene",
}
_BATCHES = 8  # drawn for the distributions


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Those of Eq. 4; the scores are standardised, as in a search."""

    alpha: float
    beta: float
    temperature: float
    floor: float = 0.1


@dataclass(frozen=True, slots=True)
class Suspect:
    """A negative that an estimator takes for an unlabelled positive.

    Attributes:
        weight: what is left of it in the loss; 1 is InfoNCE.
        share: its part of the query's blame, 0 to 1.
        query: what was asked.
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
        scores: (n,) of all negatives, divided by their standard deviation in the batch.
        weights: (n,) of the same.
        suspects: the most turned down, worst first.
    """

    name: str
    scores: NDArray[np.float64]
    weights: NDArray[np.float64]
    suspects: tuple[Suspect, ...]


def check_words(words: Sequence[str]) -> None:
    """Refuse an estimator that cannot be built from the data alone.

    Raises:
        ConfigError: a word is unknown.
    """
    for word in words:
        if word not in WORDS:
            raise ConfigError(
                f"--estimator {word}: give {', '.join(WORDS)}, or a model's folder with --model"
            )


def estimators(
    words: Sequence[str],
    models: Sequence[str],
    queries: Sequence[str],
    documents: Sequence[str] | None = None,
) -> Iterator[Estimator]:
    """Build estimators one after another, as a model's vectors take a while.

    Args:
        words: of ``WORDS``.
        models: folders or hub ids of encoders; the score is the cosine of their vectors.
        queries: by row number.
        documents: what each query is compared with, by row number; ``None`` compares queries.

    Raises:
        SetupError: a model cannot be loaded.
    """
    asked = [terms(text) for text in queries]
    found = None if documents is None else [terms(text) for text in documents]
    for word in words:
        built = BM25Estimator(asked, documents=found, variant=WORDS[word])
        built.name = word
        yield built
    for model in models:
        yield _compared(model, queries, documents)


def _compared(
    model: str, queries: Sequence[str], documents: Sequence[str] | None
) -> VectorEstimator:
    from transformers.utils.logging import disable_progress_bar

    from softnce.encoders.transformer import transformer_encoder  # seconds to import

    disable_progress_bar()
    encoder = transformer_encoder(model)
    vectors = [
        encoder.encode_all(encoder.tokenize(texts)).numpy()
        for texts in (queries, queries if documents is None else documents)
    ]
    name = "/".join(model.rstrip("/").split("/")[-2:])
    return VectorEstimator(name, *vectors, score="cosine", device=torch.device("cpu"))


def views(
    pairs: Sequence[Pair],
    words: Sequence[str],
    models: Sequence[str],
    coefficients: Coefficients,
    *,
    batch_size: int,
    seed: int = 0,
) -> list[View]:
    """Draw random batches and look at them through each estimator, query against query.

    R_ij compares query i with query j: it asks whether function j, which answers query j, answers
    query i too because the two ask for the same.

    Args:
        pairs: of the training split.
        words: of ``WORDS``.
        models: folders or hub ids of encoders.
        coefficients: of Eq. 4.
        batch_size: pairs of a batch.
        seed: of the draw.

    Raises:
        DataError: the pairs do not fill a batch.
        ConfigError: the batch is too small for alpha and beta.
    """
    rows = epoch_batches(len(pairs), batch_size=batch_size, seed=seed, epoch=1)[:_BATCHES]
    drawn = [pairs[row] for row in rows.ravel().tolist()]
    built = estimators(words, models, [pair.query for pair in drawn])
    return [_view(estimator, drawn, batch_size, coefficients) for estimator in built]


def _view(
    estimator: Estimator, drawn: Sequence[Pair], batch_size: int, coefficients: Coefficients
) -> View:
    scores, weights, suspects = [], [], list[Suspect]()
    for start in range(0, len(drawn), batch_size):
        rows = torch.arange(start, start + batch_size)
        relevance = standardised(estimator.relevance(rows, rows))
        given = negative_weights(
            relevance,
            alpha=coefficients.alpha,
            beta=coefficients.beta,
            temperature=coefficients.temperature,
            floor=coefficients.floor,
        )
        shares = negative_shares(relevance, temperature=coefficients.temperature)
        negative = ~torch.eye(batch_size, dtype=torch.bool)
        scores.append(relevance[negative].double().numpy())
        weights.append(given[negative].double().numpy())
        suspects += _suspects(shares, given, drawn[start : start + batch_size])
    suspects.sort(key=lambda one: -one.share)
    return View(estimator.name, np.concatenate(scores), np.concatenate(weights), tuple(suspects))


def _suspects(
    shares: torch.Tensor, weights: torch.Tensor, batch: Sequence[Pair], most: int = 20
) -> list[Suspect]:
    """Name the negatives with the largest shares, one a query."""
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
    ]
