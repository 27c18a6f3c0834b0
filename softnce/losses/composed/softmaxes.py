"""The softmaxes of a batch: one, or one per direction that stands in the denominator."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from softnce.losses.composed.denominators import apart, joined_columns, pairs_of, without_own
from softnce.shapes import Answers, Logits, Marks, Relevance, Trust


@dataclass(frozen=True, slots=True)
class Compared:
    """The scores of one softmax.

    Attributes:
        logits: (q, c) similarity over temperature.
        relevance: (q, c) of the estimator; None where the loss needs none.
        answers: (q,) column of each query's own code.
        marked: (q, c) known duplicates; None where the loss keeps them.
        trust: (q,) weight of each query in the mean; None: all count alike, or it follows from
            relevance.
    """

    logits: Logits
    relevance: Relevance | None
    answers: Answers
    marked: Marks | None
    trust: Trust | None = None


def softmaxes(compared: Compared, others: Mapping[str, Tensor], *, joint: bool) -> list[Compared]:
    """Add other directions to a batch's one softmax, or as softmaxes of their own.

    Args:
        compared: queries against all candidates, for the whole batch where there are others.
        others: (q, k) logits of the other directions, by name.
        joint: whether there is one softmax.
    """
    if not others:
        return [compared]
    names = list(others)
    logits = [without_own(others[name]) for name in names]
    relevance, marked = (
        None if known is None else [without_own(pairs_of(name, known)) for name in names]
        for known in (compared.relevance, compared.marked)
    )
    if joint:
        return [
            Compared(
                joined_columns(compared.logits, logits),
                _joined(compared.relevance, relevance),
                compared.answers,
                _joined(compared.marked, marked),
                compared.trust,
            )
        ]
    first = torch.zeros_like(compared.answers)
    parted = (
        Compared(
            apart(compared.logits, logits[number], compared.answers),
            _apart(compared.relevance, relevance, number, compared.answers),
            first,
            _apart(compared.marked, marked, number, compared.answers),
            compared.trust,
        )
        for number in range(len(names))
    )
    return [compared, *parted]


def _joined(main: Tensor | None, blocks: list[Tensor] | None) -> Tensor | None:
    return None if main is None or blocks is None else joined_columns(main, blocks)


def _apart(
    main: Tensor | None, blocks: list[Tensor] | None, number: int, answers: Answers
) -> Tensor | None:
    if main is None or blocks is None:
        return None
    return apart(main, blocks[number], answers.to(main.device))
