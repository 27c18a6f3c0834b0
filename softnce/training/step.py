"""One batch to one loss: encode, compare, weigh, reduce."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softnce.config import LossSection, WeightsSection
from softnce.encoders.encoder import Encoder
from softnce.losses.infonce import info_nce, similarity, soft_info_nce
from softnce.ragged import Ragged, joined
from softnce.shapes import Answers, Logits, Relevance
from softnce.training.gather import Workers
from softnce.weights.weighting import negative_weights, weight_spread


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one step.

    Attributes:
        rows: (N,) training rows of the whole batch, in column order.
        relevance: (N / workers, N) estimated for this worker's queries, on the scale that
            ``weights.scale`` asks for (standardised over the whole batch); None for InfoNCE.
    """

    rows: NDArray[np.int64]
    relevance: Relevance | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step leaves for the optimizer and the log."""

    loss: Tensor
    weight_spread: Tensor | None


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
        candidates = self.workers.gather(vectors[len(own) :])
        pairwise = similarity(vectors[: len(own)], candidates, kind=self.similarity)
        answers = torch.arange(len(own), device=vectors.device) + self.workers.rank * len(own)
        return self._reduced(pairwise / self.loss.temperature, batch.relevance, answers)

    def _reduced(self, logits: Logits, relevance: Relevance | None, answers: Answers) -> Outcome:
        if relevance is None:
            return Outcome(info_nce(logits, answers), None)
        weights = negative_weights(
            relevance.to(logits.device),
            alpha=self.weights.alpha,
            beta=self.weights.beta,
            temperature=self.weights.temperature,
            floor=self.weights.floor,
            answers=answers,
        )
        return Outcome(soft_info_nce(logits, weights, answers), weight_spread(weights, answers))
