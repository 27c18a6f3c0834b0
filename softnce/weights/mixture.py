"""Mixtures of estimators: a convex combination of scores on one scale."""

from collections.abc import Mapping
from typing import final

import torch

from softnce.errors import ConfigError
from softnce.shapes import CandidateRows, Number, QueryRows, Relevance
from softnce.weights.weighting import Estimator, require_finite, standardised


@final
class MixtureEstimator(Estimator):
    """Takes a negative for an unlabelled positive as several estimators do on average.

    Not in the paper. Each part is divided by its standard deviation over the whole batch before it
    is mixed, so that equal shares mean equal say.
    """

    name = "mixture"

    def __init__(self, parts: Mapping[str, Estimator], shares: Mapping[str, Number]) -> None:
        """Hold the parts.

        Args:
            parts: estimators by name.
            shares: of each part, above 0; only their ratios matter.

        Raises:
            ConfigError: there is no part, or a share is not above 0.
        """
        if not parts or any(not shares[name] > 0 for name in parts):
            raise ConfigError("weights.mixture: give at least one estimator a share above 0")
        total = sum(shares[name] for name in parts)
        self._parts = [(parts[name], shares[name] / total) for name in parts]

    def relevance(self, queries: QueryRows, candidates: CandidateRows) -> Relevance:
        """Mix the parts' scores of the batch, and take the rows of these queries."""
        found = [self._scores(part, candidates) for part, _ in self._parts]
        device = next((one.device for one in found if one.device.type != "cpu"), found[0].device)
        shares = [share for _, share in self._parts]
        mixed = torch.stack(
            [share * one.to(device) for share, one in zip(shares, found, strict=True)]
        ).sum(dim=0)
        if torch.equal(queries, candidates):
            return mixed
        places = (queries.unsqueeze(1) == candidates).int().argmax(dim=1)
        return mixed[places]

    def _scores(self, part: Estimator, candidates: CandidateRows) -> Relevance:
        scores = part.relevance(candidates, candidates)
        if scores.device.type == "cpu":
            require_finite(scores, source=part.name)
        return standardised(scores).float()
