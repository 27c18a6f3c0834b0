"""Docstring estimators and hard negatives: how a code without a docstring is judged."""

from typing import final

from jaxtyping import Bool, Float
from torch import Tensor

from softnce.shapes import CandidateRows, Judged, QueryRows, Relevance
from softnce.weights.weighting import Estimator


@final
class ThroughDocstrings(Estimator):
    """Lets an estimator that compares docstrings judge hard negatives, which have none.

    Not in the paper, which has no hard negatives. A hard negative that is the function of a
    training pair speaks through that pair's docstring. For any other one nothing speaks for or
    against it: its score is the mean of the query's scores of the other negatives, so that its
    weight is about 1.
    """

    def __init__(self, estimator: Estimator, docstrings: Tensor) -> None:
        """Lease the estimator.

        Args:
            estimator: scores training queries against training rows.
            docstrings: (n,) of each candidate, the training row whose docstring it has, or -1; the
                training rows come first, each with its own.
        """
        self.name = estimator.name
        self._estimator, self._docstrings = estimator, docstrings

    def judged(self, candidates: CandidateRows) -> Judged:
        """Mark the candidates with a docstring."""
        return self._docstrings[candidates.cpu()] >= 0

    def relevance(self, queries: QueryRows, candidates: CandidateRows) -> Relevance:
        """Score the candidates with a docstring, and give the others the mean."""
        rows = self._docstrings[candidates.cpu()]
        is_known = rows >= 0
        scores = self._estimator.relevance(queries, rows[is_known])
        own = queries.cpu().unsqueeze(1) == candidates.cpu()[is_known]
        whole = mean_of_others(scores, own).expand(-1, len(candidates)).clone()
        whole[:, is_known.to(scores.device)] = scores
        return whole


def mean_of_others(scores: Relevance, own: Bool[Tensor, "q c"]) -> Float[Tensor, "q 1"]:
    """Average each query's scores of the negatives: what says nothing for or against one more.

    Args:
        scores: (q, c) any real scores.
        own: (q, c) marks each query's own snippet; at least one other stands beside it.
    """
    others = (~own).to(scores)
    return (scores * others).sum(dim=1, keepdim=True) / others.sum(dim=1, keepdim=True)
