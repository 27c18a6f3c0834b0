"""Today's losses, in one, for sentence-transformers' own trainer."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from softnce.losses.columns import own_columns
from softnce.losses.composed.denominators import sides
from softnce.losses.composed.shifted import shifted_info_nce
from softnce.losses.composed.softmaxes import Compared, softmaxes
from softnce.losses.composed.trust import trust_in_batch, trusted_mean
from softnce.losses.infonce import similarity
from softnce.losses.promotion import require_share, with_duplicates
from softnce.losses.st_columns import (
    AnchorEstimator,
    Features,
    by_rows,
    chosen,
    duplicates,
    embedded,
    name_of,
    of_all,
    require_word,
)
from softnce.shapes import Loss, Number, Relevance, Trust
from softnce.weights.weighting import standardised


class ShiftedInfoNCELoss(nn.Module):
    """Mask, tilt, debiasing, promotion, directions and pair trust, as a loss of ST's trainer.

    With its defaults it is ``MultipleNegativesRankingLoss(model, scale=1 / loss_temperature)``.
    Masks of a guide are ``GISTEmbedLoss``, a tilt by ``self`` is ``hardness_strength``, which here
    may be below 0. In one softmax of both ways the positive counts once, not twice.
    """

    def __init__(  # noqa: PLR0913  (what a user may set)
        self,
        model: nn.Module,
        *,
        margin: Number | None = None,
        relative: bool = False,
        strength: Number = 0.0,
        prior: Number = 0.0,
        share: Number = 0.0,
        promotion_temperature: Number = 0.1,
        directions: str = "qc",
        partition: str = "joint",
        trust_rank: int | None = None,
        trust_least: Number | None = None,
        trust_softness: Number = 0.0,
        known_duplicates: str = "keep",
        duplicates_share: Number = 0.3,
        loss_temperature: Number = 0.05,
        estimator: str | AnchorEstimator = "self",
        scale: str = "raw",
        kind: str = "cosine",
    ) -> None:
        """Keep the settings; the model is the one being trained.

        Args:
            model: a SentenceTransformer.
            margin: as relative, see ``softnce.losses.masks``; None masks nothing.
            relative: whether the margin is a share of the own score.
            strength: see ``softnce.losses.tilt``; below 0 relieves.
            prior: see ``softnce.losses.debiased``.
            share: see ``softnce.losses.promotion``.
            promotion_temperature: see there.
            directions: qc, and any of qq, cq, cc: see ``softnce.losses.composed.denominators``.
            partition: joint or per_direction.
            trust_rank: see ``softnce.losses.composed.trust``; None trusts all pairs.
            trust_least: see there.
            trust_softness: see there; 0 is hard.
            known_duplicates: keep, mask or promote those with the same token ids.
            duplicates_share: of the target, that promoted duplicates get.
            loss_temperature: logits = similarity / loss_temperature.
            estimator: ``self``, ``bm25``, a ``Guide``, or a function, as in ``SoftInfoNCELoss``.
            scale: raw, or standardised: see ``SoftInfoNCELoss``.
            kind: cosine or dot.

        Raises:
            ConfigError: a setting is out of range, or no estimator has this name.
        """
        super().__init__()
        require_word("scale", scale, ("raw", "standardised"))
        require_word("kind", kind, ("cosine", "dot"))
        require_word("partition", partition, ("joint", "per_direction"))
        require_word("known_duplicates", known_duplicates, ("keep", "mask", "promote"))
        for one in directions.split("+"):
            require_word("directions", one, ("qc", "qq", "cq", "cc"))
        require_share(duplicates_share)
        self.model = model
        self._estimator = chosen(estimator, model)
        self._shifts: dict[str, Any] = {
            "margin": margin,
            "relative": relative,
            "strength": strength,
            "prior": prior,
            "temperature": loss_temperature,
            "share": share,
            "promotion_temperature": promotion_temperature,
        }
        self._others = [one for one in directions.split("+") if one != "qc"]
        self._trust = (trust_rank, trust_least, trust_softness)
        self._partition, self._scale = partition, scale
        self._kind = cast(Literal["cosine", "dot"], kind)
        self._duplicates, self._duplicates_share = known_duplicates, duplicates_share
        probe = torch.zeros(1, 2)
        shifted_info_nce(probe, probe, torch.tensor([0]), **self._shifts)
        self._trust_of(Compared(probe, probe, torch.tensor([0]), None))

    def forward(self, sentence_features: Iterable[Features], labels: Tensor | None = None) -> Loss:
        """Return the mean loss of a batch in nats: see ``softnce.losses.st_adapter``."""
        del labels
        columns = [dict(features) for features in sentence_features]
        queries, candidates = embedded(self.model, columns)
        temperature, kind = self._shifts["temperature"], self._kind
        pairwise = similarity(queries, candidates, kind=kind)
        marked = [] if self._duplicates == "keep" else [duplicates(columns, pairwise)]
        known = [self._relevance(columns, pairwise), *marked]
        order = by_rows(len(queries), len(candidates), pairwise.device)
        logits, *known = (one[:, order] for one in (pairwise / temperature, *known))
        others = {
            one: similarity(*sides(one, queries, candidates[order]), kind=kind) / temperature
            for one in self._others
        }
        answers = torch.arange(len(queries), device=pairwise.device)
        compared = Compared(logits, known[0], answers, known[1] if len(known) > 1 else None)
        compared = replace(compared, trust=self._trust_of(compared))
        parts = softmaxes(compared, others, joint=self._partition == "joint")
        return torch.stack([self._taken(one) for one in parts]).mean()

    def get_config_dict(self) -> dict[str, Any]:
        """Return the settings, for the model card."""
        names = ("partition", "scale", "kind", "duplicates", "duplicates_share", "trust", "others")
        kept = {name: getattr(self, f"_{name}") for name in names}
        return {**self._shifts, **kept, "estimator": name_of(self._estimator)}

    def _relevance(self, columns: Sequence[Features], similarities: Relevance) -> Relevance:
        relevance = self._estimator(columns, similarities.detach()).to(similarities.device)
        is_scaled = self._scale == "standardised"
        return of_all(standardised(relevance) if is_scaled else relevance, similarities)

    def _trust_of(self, batch: Compared) -> Trust | None:
        rank, least, softness = self._trust
        if rank is None or batch.relevance is None:
            return None
        masked = batch.marked if self._duplicates == "mask" else None
        return trust_in_batch(
            batch.relevance, batch.answers, masked, rank=rank, least=least, softness=softness
        )

    def _taken(self, one: Compared) -> Loss:
        """Take the loss of one softmax."""
        logits, relevance, answers = one.logits, one.relevance, one.answers
        assert relevance is not None  # noqa: S101
        marked = None if one.marked is None else one.marked & ~own_columns(logits, answers)
        if marked is not None and self._duplicates == "mask":
            logits = logits.masked_fill(marked, -math.inf)
            relevance = relevance.masked_fill(marked, -math.inf)
        loss: Callable[..., Loss] = partial(shifted_info_nce, **self._shifts)
        if one.trust is None:
            value = loss(logits, relevance, answers)
        else:
            value = trusted_mean(loss, [logits, relevance], answers, one.trust)
        if marked is None or self._duplicates != "promote":
            return value
        share = self._duplicates_share
        return with_duplicates(value, logits, marked, answers, share=share)
