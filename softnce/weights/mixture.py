"""Mixtures of estimators: a convex combination of scores on one scale."""

from collections.abc import Mapping
from typing import final

import torch

from softnce.errors import ConfigError
from softnce.shapes import CandidateRows, Judged, Number, QueryRows, Relevance
from softnce.weights.weighting import Estimator, require_finite, standardised


@final
class MixtureEstimator(Estimator):
    """Takes a negative for an unlabelled positive as several estimators do on average.

    Not in the paper. Each part is divided by its standard deviation over what it has judged of the
    whole batch before it is mixed, so that equal shares mean equal say.
    """

    name = "mixture"

    def __init__(
        self,
        parts: Mapping[str, Estimator],
        shares: Mapping[str, Number],
        *,
        pairs: int | None = None,
    ) -> None:
        """Lease the parts.

        Args:
            parts: estimators by name.
            shares: above 0 of each part; only their ratios matter. That of an estimator which is no
                part (``self``, which ``with_own`` adds) counts in the sum.
            pairs: number of training rows, from which on candidates are hard negatives; ``None``:
                there are none.

        Raises:
            ConfigError: there is no part, or its share is not above 0.
        """
        if not parts or any(not shares[name] > 0 for name in parts):
            raise ConfigError(
                "weights.mixture: no estimator has a share",
                "give at least one estimator a share above 0",
            )
        total = sum(shares.values())
        self._parts = [(parts[name], shares[name] / total) for name in parts]
        self._pairs = pairs

    def judged(self, candidates: CandidateRows) -> Judged | None:
        """Mark the candidates that every part has judged."""
        marks = [part.judged(candidates) for part, _ in self._parts]
        known = [one for one in marks if one is not None]
        return torch.stack(known).all(dim=0) if known else None

    def relevance(self, queries: QueryRows, candidates: CandidateRows) -> Relevance:
        """Mix the parts' scores of the batch, and take the rows of these queries."""
        batch = candidates if self._pairs is None else candidates[candidates < self._pairs]
        found = [self._scores(part, batch, candidates) for part, _ in self._parts]
        device = next((one.device for one in found if one.device.type != "cpu"), found[0].device)
        shares = [share for _, share in self._parts]
        mixed = torch.stack(
            [share * one.to(device) for share, one in zip(shares, found, strict=True)]
        ).sum(dim=0)
        if torch.equal(queries, batch):
            return mixed
        places = (queries.unsqueeze(1) == batch).int().argmax(dim=1)
        return mixed[places]

    def _scores(self, part: Estimator, batch: QueryRows, candidates: CandidateRows) -> Relevance:
        scores = part.relevance(batch, candidates)
        if scores.device.type == "cpu":
            require_finite(scores, source=part.name)
        return standardised(scores, judged=part.judged(candidates)).float()


def with_own(mixed: Relevance | None, own: Relevance, *, share: Number) -> Relevance:
    """Add the scores of the encoder in training to a mixture of the others.

    Args:
        mixed: (q, c) of a whole batch, from ``MixtureEstimator``; None where nothing else is mixed.
        own: (q, c) the encoder's own similarities of the same batch, which judges every candidate.
        share: of the encoder in the whole mixture, above 0 to 1.
    """
    scores = share * standardised(own)
    return scores if mixed is None else scores + mixed.to(scores)
