"""Estimators that compare vectors of a frozen model: a step costs one gather and one product."""

from typing import Literal, final

import numpy as np
import torch
from numpy.typing import NDArray

from softnce.losses.infonce import similarity
from softnce.shapes import CandidateRows, Candidates, Queries, QueryRows, Relevance
from softnce.weights.weighting import Estimator


@final
class VectorEstimator(Estimator):
    """Takes a negative for an unlabelled positive when a frozen model puts it near the query.

    Source: section 3.2 of the paper. "Trained model": R_ij = q_i . c_j of the teacher's vectors.
    SimCSE: R_ij = cos(q_i, q_j), both sides being the docstrings' vectors.
    """

    def __init__(
        self,
        name: str,
        queries: NDArray[np.float32],
        candidates: NDArray[np.float32],
        *,
        score: Literal["dot", "cosine"],
        device: torch.device,
    ) -> None:
        """Lease the vectors of the whole training set.

        Args:
            name: the estimator's word in a configuration.
            queries: (n, d) vector of each training query, by row number.
            candidates: (n, d) vector of what each is compared with.
            score: cosine normalises both.
            device: where the batches are.
        """
        self.name = name
        self._queries = _placed(queries, score, device)
        self._candidates = _placed(candidates, score, device)

    def relevance(self, queries: QueryRows, candidates: CandidateRows) -> Relevance:
        """Score every query against every candidate by the frozen vectors."""
        return self._queries[queries] @ self._candidates[candidates].T


@final
class SelfEstimator(Estimator):
    """Takes a negative for an unlabelled positive when the encoder in training already does.

    Source: what the paper's own code does for its "trained model", whose teacher and student are
    one object; here without a second forward pass.
    """

    name = "self"

    def __init__(
        self, queries: Queries, candidates: Candidates, *, kind: Literal["cosine", "dot"]
    ) -> None:
        """Lease the vectors of one batch, cut off from the gradient.

        Args:
            queries: (n, d) vector of each query of the batch; its place there is its row number.
            candidates: (n, d) vector of each function of the batch.
            kind: the encoder's similarity.
        """
        self._queries, self._candidates = queries.detach(), candidates.detach()
        self._kind = kind

    def relevance(self, queries: QueryRows, candidates: CandidateRows) -> Relevance:
        """Score every query against every candidate by the encoder's own vectors."""
        return similarity(self._queries[queries], self._candidates[candidates], kind=self._kind)


def _placed(
    vectors: NDArray[np.float32], score: Literal["dot", "cosine"], device: torch.device
) -> torch.Tensor:
    tensor = torch.from_numpy(np.array(vectors, dtype=np.float32)).to(device)
    return torch.nn.functional.normalize(tensor, dim=1) if score == "cosine" else tensor
