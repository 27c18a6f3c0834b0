"""What a loss of sentence-transformers' trainer sees of a batch: token ids, and their likeness."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, cast, final

import torch
from torch import Tensor, nn

from softnce.errors import ConfigError
from softnce.formula import resolved
from softnce.losses.infonce import similarity
from softnce.shapes import Marks, Number, Relevance
from softnce.weights.bm25 import BM25Estimator
from softnce.weights.bm25_formula import VariantName
from softnce.weights.docstrings import mean_of_others
from softnce.weights.table import ESTIMATORS

Features = Mapping[str, Any]  # of one column: input_ids, attention_mask, modality, ...
AnchorEstimator = Callable[[Sequence[Features], Tensor], Tensor]
CITATION = (
    "@inproceedings{li2023rethinking,\n"
    "  title={Rethinking Negative Pairs in Code Search},\n"
    "  author={Haochen Li and Xin Zhou and Luu Anh Tuan and Chunyan Miao},\n"
    "  booktitle={EMNLP},\n  year={2023}\n}"
)


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
        return [[one for one in row if one not in self._ignored] for row in token_rows(column)]


def token_rows(column: Features) -> list[list[int]]:
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


def chosen(estimator: str | AnchorEstimator, model: nn.Module) -> AnchorEstimator:
    """Return the estimator that a word stands for, or the one that is given.

    Raises:
        ConfigError: the word stands for none.
    """
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


def of_all(relevance: Tensor, similarities: Relevance) -> Relevance:
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


@final
class Guide:
    """Takes a frozen model's cosines of anchors with positives and negatives for relevance.

    Source: GISTEmbed, NV-Retriever.
    """

    def __init__(self, guide: nn.Module, model: nn.Module) -> None:
        """Freeze the guide.

        Args:
            guide: a SentenceTransformer with the vocabulary of the model.
            model: the one being trained, whose token ids the guide is given.

        Raises:
            ConfigError: the guide has another vocabulary.
        """
        theirs, ours = (cast(Any, one).tokenizer.get_vocab() for one in (guide, model))
        if theirs != ours:
            raise ConfigError(
                f"the guide has another vocabulary, of {len(theirs):,} tokens, than the model, of "
                f"{len(ours):,}",
                "give a guide with the model's tokenizer, or a function as estimator",
            )
        self._guide = guide.eval().requires_grad_(requires_grad=False)

    @torch.no_grad()
    def __call__(self, columns: Sequence[Features], similarities: Tensor) -> Tensor:
        """Score the anchors of a batch against its positives and negatives.

        Args:
            columns: what the trainer hands over.
            similarities: (q, c) not read.

        Returns:
            (q, c) cosines.
        """
        del similarities
        from sentence_transformers.base.losses.merged_forward import embed_columns  # seconds

        vectors = embed_columns(cast(Any, self._guide), [dict(column) for column in columns])
        return similarity(vectors[0], torch.cat(vectors[1:]), kind="cosine")


def duplicates(columns: Sequence[Features], similarities: Tensor) -> Marks:
    """Mark the pairs that have the same anchor, or the same text, as the anchor's own positive.

    Args:
        columns: anchors, positives, then explicit negatives; compared by their token ids.
        similarities: (q, c) whose device the marks are on. Nothing else is read of it.

    Returns:
        (q, c) marks; each anchor's own positive is among them.
    """
    known = [[hash(tuple(row)) for row in token_rows(column)] for column in columns]
    anchors, texts = (
        torch.tensor(known[0]),
        torch.tensor([one for column in known[1:] for one in column]),
    )
    rows = len(anchors)
    marked = anchors.unsqueeze(1) == anchors
    same = texts[:rows].unsqueeze(1) == texts
    same[:, :rows] |= marked
    return same.to(similarities.device)


def embedded(model: nn.Module, columns: Sequence[Features]) -> tuple[Tensor, Tensor]:
    """Return the vectors of the anchors, and of positives and negatives.

    Raises:
        ConfigError: there are fewer than two columns.
    """
    if len(columns) < 2:
        raise ConfigError("the data set needs two columns, (anchor, positive), and has one")
    from sentence_transformers.base.losses.merged_forward import embed_columns  # seconds

    vectors = embed_columns(cast(Any, model), [dict(column) for column in columns])
    return vectors[0], torch.cat(vectors[1:])


def require_word(name: str, word: str, known: Collection[str]) -> None:
    """Refuse a word that is not known.

    Raises:
        ConfigError: it is not.
    """
    if word not in known:
        raise ConfigError(
            f"{name}={word!r}: unknown",
            f"give {' or '.join(known)}",
        )


def by_rows(rows: int, candidates: int, device: torch.device) -> Tensor:
    """Order candidates by positives, then each row's own explicit negatives next to each other.

    Args:
        rows: of the batch.
        candidates: column after column, as the trainer has them.
        device: of the numbers.

    Returns:
        (candidates,) column numbers.
    """
    numbers = torch.arange(candidates, device=device)
    return torch.cat([numbers[:rows], numbers[rows:].view(-1, rows).T.flatten()])


def name_of(estimator: AnchorEstimator) -> str:
    """Name an estimator, for messages and the model card."""
    return str(getattr(estimator, "__name__", type(estimator).__name__))
