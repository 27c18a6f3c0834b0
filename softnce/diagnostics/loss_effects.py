"""What a loss does to the negatives of random batches, beside InfoNCE, with their texts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from softnce.config.config import Config
from softnce.config.sections.method import LossSection, WeightsSection
from softnce.data.batching import epoch_batches
from softnce.data.pairs import Pair
from softnce.diagnostics.requested import RequestedEstimators, compared_pairs, estimators
from softnce.errors import ConfigError
from softnce.shapes import Logits
from softnce.training.objectives import outcome
from softnce.weights.duplicates import DuplicatesEstimator, code_groups, query_groups
from softnce.weights.weighting import Estimator, standardised

Kind = Literal["promoted", "masked", "relieved", "hardened", "as InfoNCE"]
KINDS: tuple[Kind, ...] = ("promoted", "masked", "relieved", "hardened", "as InfoNCE")
_BATCHES = 4
_SAME = 0.01  # a factor within so much of 1 is InfoNCE's


@dataclass(frozen=True, slots=True)
class Effect:
    """What a loss does to one negative.

    Attributes:
        kind: what it is called.
        factor: its gradient over that of InfoNCE: 0 masked, below 0 promoted.
        query: the one it is a negative of.
        code: the negative.
    """

    kind: Kind
    factor: float
    query: str
    code: str


@dataclass(frozen=True, slots=True)
class LossView:
    """What a loss does with one estimator.

    Attributes:
        loss: its name.
        estimator: its name.
        shares: of all negatives, by kind.
        relief: of the batches.
        examples: of each kind but InfoNCE's, the farthest from it first.
    """

    loss: str
    estimator: str
    shares: Mapping[Kind, float]
    relief: float
    examples: tuple[Effect, ...]


def loss_views(
    pairs: Sequence[Pair],
    requested: RequestedEstimators,
    settings: Sequence[Config | ConfigError],
    *,
    batch_size: int,
    most: int,
    seed: int = 0,
) -> list[LossView]:
    """Take a loss of random batches in which the encoder finds all candidates equally near.

    So is an encoder before training; what a loss shifts or weighs then shows alone.

    Args:
        pairs: of the training split.
        requested: the estimators.
        settings: of each, in the order in which they are built; where there are none, the estimator
            is left out. Directions other than qc are left out, too.
        batch_size: pairs of a batch.
        most: examples of each kind.
        seed: of the draw.

    Raises:
        DataError: the pairs do not fill a batch.
        ConfigError: the batch is too small for the loss.
    """
    rows = epoch_batches(len(pairs), batch_size=batch_size, seed=seed, epoch=1)[:_BATCHES]
    drawn = [[pairs[row] for row in batch] for batch in rows.tolist()]
    everyone = [pair for batch in drawn for pair in batch]
    texts = compared_pairs(everyone)
    queries, codes = query_groups(texts.queries), code_groups(texts.codes, texts.languages)
    known = DuplicatesEstimator(torch.tensor(queries), torch.tensor(codes))
    built = zip(estimators(requested, texts), settings, strict=True)
    return [_view(one, known, drawn, own, most) for one, own in built if isinstance(own, Config)]


def _view(
    estimator: Estimator,
    known: DuplicatesEstimator,
    drawn: Sequence[Sequence[Pair]],
    config: Config,
    most: int,
) -> LossView:
    sections = (config.loss.model_copy(update={"directions": "qc"}), config.weights)
    counts, effects, reliefs = Counter[Kind](), list[Effect](), list[float]()
    for number, batch in enumerate(drawn):
        rows = torch.arange(number * len(batch), (number + 1) * len(batch))
        relevance = estimator.relevance(rows, rows).float()
        if config.weights.scale == "standardised":
            relevance = standardised(relevance)
        marked = known.relevance(rows, rows) > 0
        factors, relief = _factors(relevance, marked, *sections)
        reliefs.append(relief)
        for row, column in (~torch.eye(len(batch), dtype=torch.bool)).nonzero().tolist():
            factor = float(factors[row, column])
            counts[_kind(factor)] += 1
            if _kind(factor) != "as InfoNCE":
                effects.append(Effect(_kind(factor), factor, batch[row].query, batch[column].code))
    effects.sort(key=lambda one: -abs(one.factor - 1))
    examples = [
        one for kind in KINDS for one in [each for each in effects if each.kind == kind][:most]
    ]
    shares = {kind: counts[kind] / counts.total() for kind in KINDS}
    relief = sum(reliefs) / len(reliefs)
    return LossView(config.loss.name, estimator.name, shares, relief, tuple(examples))


def _factors(
    relevance: Logits, marked: torch.Tensor, loss: LossSection, weights: WeightsSection
) -> tuple[Logits, float]:
    """Return each pair's gradient over InfoNCE's, and the relief."""
    logits = torch.zeros_like(relevance).requires_grad_()
    answers = torch.arange(len(logits))
    given = marked if loss.duplicates != "keep" else None
    found = outcome(logits, relevance, answers, loss=loss, weights=weights, marked=given)
    found.loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None  # noqa: S101
    return logits.grad * logits.numel(), found.relief().item()


def _kind(factor: float) -> Kind:
    if factor < -_SAME:
        return "promoted"
    if factor < _SAME:
        return "masked"
    if abs(factor - 1) < _SAME:
        return "as InfoNCE"
    return "relieved" if factor < 1 else "hardened"
