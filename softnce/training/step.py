"""One batch to one loss: encode, compare, weigh, reduce."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from softnce.config import LossSection, WeightsSection
from softnce.encoders.encoder import Encoder
from softnce.losses.infonce import similarity
from softnce.ragged import Ragged, joined
from softnce.shapes import Answers, Candidates, Queries, Relevance
from softnce.training.gather import Workers
from softnce.training.objectives import Outcome, outcome
from softnce.weights.neural import SelfEstimator
from softnce.weights.weighting import standardised


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one step.

    Attributes:
        rows: (N,) training rows of the whole batch, in column order.
        relevance: (q, N) estimated for the queries that this worker scores, on the scale that
            ``weights.scale`` asks for (standardised over the whole batch); None where the loss
            needs none, or the encoder estimates by itself.
    """

    rows: NDArray[np.int64]
    relevance: Relevance | None


@dataclass(frozen=True, slots=True)
class Objective:
    """The loss of a run with its settings.

    Attributes:
        similarity: cosine or dot.
        loss: section ``loss``.
        weights: section ``weights``.
        workers: those of the run.
    """

    similarity: Literal["cosine", "dot"]
    loss: LossSection
    weights: WeightsSection
    workers: Workers

    def scored(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows whose queries this worker scores: its share, or all if symmetric.

        The second direction of a symmetric loss needs every query; each worker then takes the loss
        of the whole batch, and the gathers share its gradient out.
        """
        return rows if self.loss.symmetric else self.workers.share(rows)

    def outcome(self, encoder: Encoder, queries: Ragged, codes: Ragged, batch: Batch) -> Outcome:
        """Encode this worker's share, gather all candidates, and take the loss.

        Args:
            encoder: in training mode.
            queries: token ids of all training queries.
            codes: token ids of all training functions.
            batch: the rows of this step.
        """
        own = self.workers.share(batch.rows)
        vectors = encoder.encode(joined(queries.take(own), codes.take(own)))
        asked, candidates = vectors[: len(own)], self.workers.gather(vectors[len(own) :])
        if self.loss.symmetric:
            asked = self.workers.gather(asked)
        logits = similarity(asked, candidates, kind=self.similarity) / self.loss.temperature
        answers = torch.arange(len(asked), device=vectors.device)
        if not self.loss.symmetric:
            answers += self.workers.rank * len(own)
        relevance = batch.relevance
        if self.loss.name != "infonce" and self.weights.estimator == "self":
            relevance = self._own_relevance(asked, candidates, answers)
        return outcome(logits, relevance, answers, loss=self.loss, weights=self.weights)

    @torch.no_grad()
    def _own_relevance(self, asked: Queries, candidates: Candidates, answers: Answers) -> Relevance:
        """Estimate relevance by the encoder's own similarities, standardised over the batch."""
        everyone = asked if self.loss.symmetric else self.workers.gather(asked.detach())
        estimator = SelfEstimator(everyone, candidates, kind=self.similarity)
        rows = torch.arange(len(candidates), device=candidates.device)
        relevance = estimator.relevance(rows, rows)
        if self.weights.scale == "standardised":
            relevance = standardised(relevance)
        return relevance[answers]
