"""Soft-InfoNCE, and the losses of today, for sentence-transformers' own trainer.

    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
    from softnce.losses.st_adapter import SoftInfoNCELoss

    model = SentenceTransformer("sentence-transformers/all-MiniLM-L6-v2")
    loss = SoftInfoNCELoss(model)
    SentenceTransformerTrainer(model=model, train_dataset=pairs, loss=loss).train()

The columns of the data set are (anchor, positive) or (anchor, positive, negative, ...).
"""

import math
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from softnce.errors import ConfigError
from softnce.losses.infonce import similarity, soft_info_nce
from softnce.losses.st_columns import (
    CITATION,
    AnchorBM25,
    AnchorEstimator,
    Features,
    Guide,
    chosen,
    embedded,
    name_of,
    of_all,
    require_word,
)
from softnce.losses.st_shifted import ShiftedInfoNCELoss
from softnce.shapes import Loss, Number, Relevance
from softnce.weight_domain import has_domain
from softnce.weights.weighting import negative_weights, require_finite, standardised

__all__ = ["AnchorBM25", "Guide", "ShiftedInfoNCELoss", "SoftInfoNCELoss"]


class SoftInfoNCELoss(nn.Module):
    """Soft-InfoNCE (Eq. 3) as a loss of ``SentenceTransformerTrainer``.

    With ``alpha=0`` it is ``MultipleNegativesRankingLoss(model, scale=1 / loss_temperature)``.

    The positives of the other rows and the explicit negatives of all rows are weighted by Eq. 4,
    whose N counts them all. An estimator that compares anchors (bm25) says nothing of explicit
    negatives, which have none: each scores the mean of the others, so that its weight is about 1.
    A batch with too few candidates for alpha and beta, such as an epoch's last one, is taken with
    weights of 1, and a warning says so once;
    ``dataloader_drop_last=True`` avoids it. On several devices each takes its own rows alone as
    candidates. A prompt before the anchors adds the same tokens to all of them: give
    ``estimator=AnchorBM25(ignored)`` their ids too.
    """

    def __init__(  # noqa: PLR0913  (what a user may set)
        self,
        model: nn.Module,
        *,
        alpha: Number = 1.0,
        beta: Number = 1.0,
        temperature: Number = 1.0,
        loss_temperature: Number = 0.05,
        estimator: str | AnchorEstimator = "bm25",
        scale: str = "standardised",
        floor: Number | None = 0.1,
        kind: str = "cosine",
    ) -> None:
        """Keep the settings; the model is the one being trained.

        Args:
            model: a SentenceTransformer.
            alpha: strength of the correction; 0 leaves plain InfoNCE, below 0 hardens.
            beta: mass shared by all negatives alike, above 0; only alpha / beta matters.
            temperature: the paper's t, by which the estimator's scores are divided.
            loss_temperature: logits = similarity / loss_temperature.
            estimator: ``bm25`` compares the token ids of the anchors, ``self`` takes the model's
                own similarities without gradient; or a function of all columns and of the (q, c)
                similarities, which returns scores, higher is more alike: (q, c) of all candidates,
                or (q, q) of the positives alone.
            scale: standardised divides the scores by their standard deviation in the batch, so
                that one temperature fits every estimator; raw is the paper's.
            floor: smallest weight, 0 to 1; ``None`` leaves Eq. 4 unclamped.
            kind: similarity of the vectors; ``dot`` goes with a loss_temperature of about 1.

        Raises:
            ConfigError: a setting is out of range, or no estimator has this name.
        """
        super().__init__()
        if not (abs(alpha) < math.inf and 0 < beta < math.inf and 0 < loss_temperature < math.inf):
            raise ConfigError(
                f"alpha={alpha} must be a number, beta={beta} and "
                f"loss_temperature={loss_temperature} above 0, and all finite",
                "correct the one that is not",
            )
        require_word("scale", scale, ("raw", "standardised"))
        require_word("kind", kind, ("cosine", "dot"))
        self.model = model
        self._estimator = chosen(estimator, model)
        self._loss_temperature, self._scale = loss_temperature, scale
        self._kind = cast(Literal["cosine", "dot"], kind)
        self._eq4 = {"alpha": alpha, "beta": beta, "temperature": temperature, "floor": floor}
        negative_weights(torch.zeros(1, 2), **{**self._eq4, "alpha": 0})  # type: ignore[arg-type]

    def forward(self, sentence_features: Iterable[Features], labels: Tensor | None = None) -> Loss:
        """Return the mean loss of a batch in nats.

        Args:
            sentence_features: one entry a column: anchors, positives, then explicit negatives.
            labels: not read.

        Raises:
            ConfigError: there are fewer than two columns.
            RunError: the estimator's scores are not finite.
        """
        del labels
        columns = [dict(features) for features in sentence_features]
        pairwise = similarity(*embedded(self.model, columns), kind=self._kind)
        weights = self._weights(columns, pairwise)
        answers = torch.arange(len(pairwise), device=pairwise.device)
        return soft_info_nce(pairwise / self._loss_temperature, weights, answers)

    def get_config_dict(self) -> dict[str, Any]:
        """Return the settings, for the model card."""
        estimator = name_of(self._estimator)
        settings = {"loss_temperature": self._loss_temperature, "scale": self._scale}
        return {**self._eq4, **settings, "kind": self._kind, "estimator": estimator}

    @property
    def citation(self) -> str:
        """The paper, for the model card."""
        return CITATION

    def _has_domain(self, candidates: int) -> bool:
        """Tell whether Eq. 4 has an answer for so many candidates."""
        alpha, beta = (float(cast(float, self._eq4[name])) for name in ("alpha", "beta"))
        return candidates > 1 and has_domain(candidates - 1, alpha=alpha, beta=beta)

    def _weights(self, columns: Sequence[Features], similarities: Relevance) -> Relevance:
        if not self._has_domain(similarities.shape[1]):
            self._warn(len(similarities))
            return torch.ones_like(similarities)
        relevance = self._estimator(columns, similarities.detach())
        if relevance.device.type == "cpu":  # elsewhere the look would wait for the device
            require_finite(relevance, source=name_of(self._estimator))
        relevance = relevance.to(similarities.device)
        if self._scale == "standardised":  # before others are filled in, which would not spread
            relevance = standardised(relevance)
        relevance = of_all(relevance, similarities)
        return negative_weights(relevance, **self._eq4)  # type: ignore[arg-type]

    def _warn(self, rows: int) -> None:
        warnings.warn(
            f"a batch of {rows} is too small for alpha={self._eq4['alpha']:g} and "
            f"beta={self._eq4['beta']:g}: it is taken with weights of 1; set "
            "dataloader_drop_last=True, or a larger batch",
            stacklevel=3,
        )
