"""What one row of the table of estimators says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from softnce.formula import Formula, Setting

InputKind = Literal["terms", "groups", "simcse-tokens"]
Cost = Literal[
    "none", "a comparison of numbers", "a sparse product", "a product of vectors", "its parts"
]


@dataclass(frozen=True, slots=True)
class EstimatorSpec:
    """What tells how relevant a negative is.

    Attributes:
        name: the word for ``weights.estimator``.
        label: how a sentence calls it.
        summary: what it takes for relevant, for the reference.
        build: address of the function that makes it over the prepared training set, from section
            ``weights``, the prepared inputs and a device; empty where the encoder in training is
            the estimator.
        section: its own settings, ``weights/<section>``; empty: it has none.
        settings: of its own, from which the configuration makes this section; a row of softnce
            itself has it in the configuration.
        inputs: what is prepared for it, once for all trials, besides tokens.
        training: address of the ``FrozenModel`` that is trained for it, once for all trials; empty:
            it has none.
        trained_by: settings that its frozen model follows from, equal in all trials of a study; a
            name that ends in / is all of a section.
        pretrained: setting that names the model which its training starts at; empty: none does.
        weights: how its relevance becomes weights, where Eq. 4 does not apply: a function of the
            relevance (q, c) and the answers (q,).
        share: in a mixture, unless the configuration says otherwise; 0: it may be mixed, and has a
            setting ``weights/mixture/<name>``; None: it cannot be.
        combines: whether it mixes the others.
        words: what ``softnce weights`` calls it and its variants, where texts are all it takes, and
            the variant that each word stands for; empty: it has but one.
        from_texts: address of the function that makes it for ``softnce weights``, from one of the
            words, its variant and the ``ComparedTexts`` there; empty: it takes more than texts.
        from_columns: address of the function that makes it for ``SoftInfoNCELoss`` from the model
            in training; empty: it takes more than the columns of a batch.
        cost: of a training step.
    """

    name: str
    label: str
    summary: str
    build: str = ""
    section: str = ""
    inputs: tuple[InputKind, ...] = ()
    training: str = ""
    trained_by: tuple[str, ...] = ()
    pretrained: str = ""
    weights: Formula | None = None
    share: float | None = None
    combines: bool = False
    words: Mapping[str, str] = field(default_factory=dict)
    from_texts: str = ""
    from_columns: str = ""
    cost: Cost = "none"
    settings: tuple[Setting, ...] = ()
