"""Soft-InfoNCE for sentence-transformers' own trainer, to adopt the loss alone.

    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
    from softnce.losses.st_adapter import SoftInfoNCELoss

    model = SentenceTransformer("sentence-transformers/all-MiniLM-L6-v2")
    loss = SoftInfoNCELoss(model)
    SentenceTransformerTrainer(model=model, train_dataset=pairs, loss=loss).train()

The columns of the data set are (anchor, positive) or (anchor, positive, negative, ...).
"""

import math
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, cast, final

import torch
from torch import Tensor, nn

from softnce.errors import ConfigError
from softnce.formula import resolved
from softnce.losses.infonce import similarity, soft_info_nce
from softnce.shapes import Loss, Number, Relevance
from softnce.weight_domain import has_domain
from softnce.weights.bm25 import BM25Estimator, VariantName
from softnce.weights.docstrings import mean_of_others
from softnce.weights.table import ESTIMATORS
from softnce.weights.weighting import negative_weights, require_finite, standardised

Features = Mapping[str, Any]  # of one column: input_ids, attention_mask, modality, ...
AnchorEstimator = Callable[[Sequence[Features], Tensor], Tensor]


@final
class AnchorBM25:
    """Takes another row's positive for a hidden one when the two anchors share rare tokens.

    Source: section 3.2 as the paper's code has it: anchors against anchors, over their token ids
    without special tokens; the batch is the corpus.
    """

    def __init__(
        self,
        ignored: Collection[int],
        *,
        variant: VariantName = "okapi",
        average_length: Number | None = None,
    ) -> None:
        """Choose the formula.

        Args:
            ignored: token ids that say nothing: the tokenizer's ``all_special_ids``.
            variant: okapi (as rank_bm25), official (as the paper), or lucene.
            average_length: mean tokens of an anchor; ``None`` takes the batch's.
        """
        self._ignored = frozenset(ignored)
        self._variant: VariantName = variant
        self._average_length = average_length

    def __call__(self, columns: Sequence[Features], similarities: Tensor) -> Tensor:
        """Score the anchors of a batch against each other.

        Args:
            columns: what the trainer hands over; the first one is read.
            similarities: (q, c) not read.

        Returns:
            (q, q) scores of the positives in float64, on the CPU.
        """
        del similarities
        anchors = self._terms(columns[0])
        estimator = BM25Estimator(
            anchors, variant=self._variant, average_length=self._average_length
        )
        rows = torch.arange(len(anchors))
        return estimator.relevance(rows, rows)

    def _terms(self, column: Features) -> list[list[int]]:
        return [[one for one in row if one not in self._ignored] for row in _token_rows(column)]


def _token_rows(column: Features) -> list[list[int]]:
    """Undo what the trainer does to the texts of a column: padding, or laying them end to end."""
    ids, ends = column["input_ids"], column.get("cu_seq_lens_q")
    if ends is None and "offsets" in column:  # a static embedding
        ends = torch.cat([column["offsets"], column["offsets"].new_tensor([ids.numel()])])
    if ends is not None:  # flash attention without padding
        return [part.tolist() for part in ids.flatten().tensor_split(ends[1:-1].cpu().long())]
    mask = column.get("attention_mask", torch.ones_like(ids)).bool()
    return [row[real].tolist() for row, real in zip(ids.cpu(), mask.cpu(), strict=True)]


def own_similarities(columns: Sequence[Features], similarities: Tensor) -> Tensor:
    """Take another row's positive for a hidden one when the trained model itself finds it near.

    Source: what the paper's code does under the name of the trained model: the student is its own
    teacher, without gradient.

    Args:
        columns: not read.
        similarities: (q, c) of the anchors with the positives and negatives of the batch.
    """
    del columns
    return similarities.detach()


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
        _require_word("scale", scale, ("raw", "standardised"))
        _require_word("kind", kind, ("cosine", "dot"))
        self.model = model
        self._estimator = _chosen(estimator, model)
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
        if len(columns) < 2:
            raise ConfigError("the data set needs two columns, (anchor, positive), and has one")
        from sentence_transformers.base.losses.merged_forward import embed_columns  # seconds

        vectors = embed_columns(self.model, [dict(column) for column in columns])
        pairwise = similarity(vectors[0], torch.cat(vectors[1:]), kind=self._kind)
        weights = self._weights(columns, pairwise)
        answers = torch.arange(len(pairwise), device=pairwise.device)
        return soft_info_nce(pairwise / self._loss_temperature, weights, answers)

    def get_config_dict(self) -> dict[str, Any]:
        """Return the settings, for the model card."""
        estimator = getattr(self._estimator, "__name__", type(self._estimator).__name__)
        settings = {"loss_temperature": self._loss_temperature, "scale": self._scale}
        return {**self._eq4, **settings, "kind": self._kind, "estimator": estimator}

    @property
    def citation(self) -> str:
        """The paper, for the model card."""
        return (
            "@inproceedings{li2023rethinking,\n"
            "  title={Rethinking Negative Pairs in Code Search},\n"
            "  author={Haochen Li and Xin Zhou and Luu Anh Tuan and Chunyan Miao},\n"
            "  booktitle={EMNLP},\n  year={2023}\n}"
        )

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
            name = getattr(self._estimator, "__name__", type(self._estimator).__name__)
            require_finite(relevance, source=name)
        relevance = relevance.to(similarities.device)
        if self._scale == "standardised":  # before others are filled in, which would not spread
            relevance = standardised(relevance)
        relevance = _of_all(relevance, similarities)
        return negative_weights(relevance, **self._eq4)  # type: ignore[arg-type]

    def _warn(self, rows: int) -> None:
        warnings.warn(
            f"a batch of {rows} is too small for alpha={self._eq4['alpha']:g} and "
            f"beta={self._eq4['beta']:g}: it is taken with weights of 1; set "
            "dataloader_drop_last=True, or a larger batch",
            stacklevel=3,
        )


def _require_word(name: str, word: str, known: Collection[str]) -> None:
    if word not in known:
        raise ConfigError(
            f"{name}={word!r}: unknown",
            f"give {' or '.join(known)}",
        )


def _chosen(estimator: str | AnchorEstimator, model: nn.Module) -> AnchorEstimator:
    if not isinstance(estimator, str):
        return estimator
    known = {name: spec.from_columns for name, spec in ESTIMATORS.items() if spec.from_columns}
    if estimator not in known:
        raise ConfigError(
            f"estimator={estimator!r}: unknown", f"give {', '.join(known)}, or a function"
        )
    made: AnchorEstimator = resolved(known[estimator])(model)
    return made


def anchor_bm25(model: nn.Module) -> AnchorEstimator:
    """Compare anchors by BM25 over the token ids of a model's tokenizer."""
    return AnchorBM25(_special_ids(cast(Any, model).tokenizer))


def model_itself(model: nn.Module) -> AnchorEstimator:
    """Take the similarities of the model in training."""
    del model
    return own_similarities


def _special_ids(tokenizer: Any) -> Collection[int]:  # noqa: ANN401  (of either library)
    """Return the ids that stand for no text, of a transformer's or a static model's tokenizer."""
    if hasattr(tokenizer, "all_special_ids"):
        ids: Collection[int] = tokenizer.all_special_ids
        return ids
    return [one for one, token in tokenizer.get_added_tokens_decoder().items() if token.special]


def _of_all(relevance: Tensor, similarities: Relevance) -> Relevance:
    """Give explicit negatives that were not scored the mean of the others.

    Raises:
        ConfigError: the scores fit neither all candidates nor the positives.
    """
    rows, size = similarities.shape
    if relevance.shape == (rows, size):
        return relevance
    if relevance.shape != (rows, rows):
        found, wanted = tuple(relevance.shape), (rows, size)
        raise ConfigError(f"the estimator returned scores of shape {found}, not {wanted}")
    if rows < 2:  # no other anchor to compare with
        return relevance.expand(rows, size)
    own = torch.eye(rows, dtype=torch.bool, device=relevance.device)
    unknown = mean_of_others(relevance, own).expand(-1, size - rows)
    return torch.cat([relevance, unknown], dim=1)
