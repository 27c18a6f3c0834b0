"""One batch to one loss and its gradient: encode, compare, weigh, reduce."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softnce.config.sections.method import LossSection, WeightsSection
from softnce.data.batching import negative_rows
from softnce.encoders.encoder import Encoder
from softnce.losses.composed.denominators import sides
from softnce.losses.composed.softmaxes import Compared, softmaxes
from softnce.losses.infonce import similarity
from softnce.ragged import Ragged, joined
from softnce.shapes import Answers, Candidates, Judged, Marks, Queries, Relevance
from softnce.training.gather import Workers
from softnce.training.objectives import Outcome, averaged, outcome_of, summed, trust_of
from softnce.training.resource_errors import fitted
from softnce.weights.mixture import with_own
from softnce.weights.neural import SelfEstimator
from softnce.weights.weighting import standardised


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one step.

    Attributes:
        rows: (b,) training rows of the whole batch, in column order.
        relevance: (q, c) estimated for the queries that this worker scores, on the scale that
            ``weights.scale`` asks for (standardised over the whole batch); None where the loss
            needs none, or the encoder estimates by itself. Where the encoder is part of a mixture,
            the other parts' scores of all queries of the batch. Columns are the functions of the
            batch, then its hard negatives.
        judged: (c,) candidates whose scores count where the step standardises a mixture; None: all.
        marked: (q, c) known duplicates of those queries; None where the loss keeps them.
        negatives: (b * each,) training rows whose functions are the hard negatives, a row's own
            next to each other; None: those that the rows bring along.
    """

    rows: NDArray[np.int64]
    relevance: Relevance | None
    judged: Judged | None = None
    marked: Marks | None = None
    negatives: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class Texts:
    """Token ids of the training set.

    Attributes:
        queries: (n,) of all queries.
        codes: (n,) of all functions.
        negatives: (n * each,) of all hard negatives, a row's own next to each other.
    """

    queries: Ragged
    codes: Ragged
    negatives: Ragged

    @property
    def each(self) -> int:
        """Hard negatives of a row."""
        return len(self.negatives) // max(len(self.queries), 1)

    def lengths(self, batch: Batch) -> NDArray[np.int64]:
        """Return the tokens of each text of a batch, its hard negatives among them."""
        parts = [self.queries.lengths[batch.rows], self.codes.lengths[batch.rows]]
        if batch.negatives is not None:
            parts.append(self.codes.lengths[batch.negatives])
        elif self.each:
            parts.append(self.negatives.lengths[negative_rows(batch.rows, self.each)])
        return np.concatenate(parts)


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

    @property
    def asks_encoder(self) -> bool:
        """Tell whether the encoder in training has a say in the relevance."""
        return self.loss.spec.has_estimator and self.weights.own_share > 0

    def scored(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows whose queries this worker scores: its share, or all.

        A second direction needs every query, and so does a mean over trusted rows; each worker
        then takes the loss of the whole batch, and the gathers share its gradient out.
        """
        return rows if self.loss.needs_everyone else self.workers.share(rows)

    def outcome(self, encoder: Encoder, texts: Texts, batch: Batch) -> Outcome:
        """Encode this worker's share, gather all candidates, and take the loss.

        Args:
            encoder: in training mode.
            texts: token ids of the training set.
            batch: the rows of this step.
        """
        own = self.workers.share(batch.rows)
        query_vectors, codes, negatives = self._encoded(encoder, texts, batch)
        candidates = self.workers.gather(codes)
        if len(negatives):
            candidates = torch.cat([candidates, self.workers.gather(negatives)])
        if self.loss.needs_everyone:
            query_vectors = self.workers.gather(query_vectors)
        answers = torch.arange(len(query_vectors), device=query_vectors.device)
        if not self.loss.needs_everyone:
            answers += self.workers.rank * len(own)
        return self.taken(query_vectors, candidates, answers, batch)

    def taken(
        self, query_vectors: Queries, candidates: Candidates, answers: Answers, batch: Batch
    ) -> Outcome:
        """Take the loss of vectors.

        Args:
            query_vectors: (q, d) of the queries that this worker scores.
            candidates: (c, d) of the functions of the whole batch, then its hard negatives.
            answers: (q,) column of each query's own function.
            batch: what is known of them.
        """
        relevance = batch.relevance
        if self.asks_encoder:
            relevance = self._own_relevance(query_vectors, candidates, answers, batch)
        judged = replace(batch, relevance=relevance)
        outcomes = [
            self._at(query_vectors[:, :size], candidates[:, :size], answers, judged)
            for size in (query_vectors.shape[1], *self.loss.matryoshka)
        ]
        return summed(outcomes)

    def _at(
        self, query_vectors: Queries, candidates: Candidates, answers: Answers, batch: Batch
    ) -> Outcome:
        """Take the loss of vectors, cut or whole, by the relevance that the batch brings."""
        logits = similarity(query_vectors, candidates, kind=self.similarity) / self.loss.temperature
        compared = Compared(logits, batch.relevance, answers, batch.marked)
        compared = replace(compared, trust=trust_of(compared, self.loss))
        compared_all = softmaxes(
            compared, self._others(query_vectors, candidates), joint=self.loss.partition == "joint"
        )
        return averaged(
            [outcome_of(one, loss=self.loss, weights=self.weights) for one in compared_all]
        )

    def _others(self, queries: Queries, candidates: Candidates) -> dict[str, Tensor]:
        """Score the other directions of the batch that stand in the denominator."""
        scored = {}
        for direction in self.loss.directions.split("+")[1:]:
            left, right = sides(direction, queries, candidates)
            scored[direction] = similarity(left, right, kind=self.similarity)
        return {name: scores / self.loss.temperature for name, scores in scored.items()}

    def _encoded(
        self, encoder: Encoder, texts: Texts, batch: Batch
    ) -> tuple[Queries, Queries, Candidates]:
        """Encode the queries, functions and hard negatives of this worker's rows together."""
        own = self.workers.share(batch.rows)
        tokens = joined(texts.queries.take(own), texts.codes.take(own))
        if batch.negatives is not None:
            tokens = joined(tokens, texts.codes.take(self.workers.share(batch.negatives)))
        elif texts.each:
            tokens = joined(tokens, texts.negatives.take(negative_rows(own, texts.each)))
        vectors, size = encoder.encode(tokens), len(own)
        return vectors[:size], vectors[size : 2 * size], vectors[2 * size :]

    @torch.no_grad()
    def _own_relevance(
        self, query_vectors: Queries, candidates: Candidates, answers: Answers, batch: Batch
    ) -> Relevance:
        """Estimate relevance by the encoder's own similarities, standardised over the batch.

        The queries may be a worker's share; the batch has the others' part for all of its queries.
        """
        everyone = (
            query_vectors
            if self.loss.needs_everyone
            else self.workers.gather(query_vectors.detach())
        )
        estimator = SelfEstimator(everyone, candidates, kind=self.similarity)
        rows = torch.arange(len(candidates), device=candidates.device)
        relevance = estimator.relevance(rows[: len(everyone)], rows)
        if self.weights.spec.combines:
            relevance = with_own(batch.relevance, relevance, share=self.weights.own_share)
        if self.weights.scale == "standardised":
            relevance = standardised(relevance, judged=batch.judged)
        return relevance[answers]


def differentiated(
    encoder: Encoder, objective: Objective, texts: Texts, batch: Batch, *, precision: str
) -> Outcome:
    """Take a batch's loss, and leave its gradient in the parameters.

    A lone worker whose memory runs out goes on with smaller passes. One of several cannot: the
    others wait for it in the middle of the step.

    Args:
        encoder: in training mode.
        objective: of the run.
        texts: token ids of the training set.
        batch: the rows of this step.
        precision: fp32 or bf16, of the forward pass.

    Raises:
        RuntimeError: memory ran out, and no pass can be smaller.
    """

    def attempt() -> Outcome:
        encoder.model.zero_grad(set_to_none=True)
        device = encoder.device.type
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            outcome = objective.outcome(encoder, texts, batch)
        outcome.loss.backward()  # type: ignore[no-untyped-call]
        return outcome

    if objective.workers.world > 1:
        return attempt()
    lengths = texts.lengths(batch)
    return fitted(encoder, attempt, tokens=int(lengths.sum()), longest=int(lengths.max()))
