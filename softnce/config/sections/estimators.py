"""What single estimators read: BM25, duplicates, and the shares of a mixture."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field, create_model, model_validator

from softnce.config.sections.section import Section
from softnce.errors import InvalidSettingError
from softnce.weights.bm25_engines import ENGINES, EngineName, VariantName
from softnce.weights.table import ESTIMATORS, MIXTURE_SHARES


class BM25Section(Section):
    """How BM25 reads the docstrings."""

    variant: VariantName = Field(
        "okapi",
        description="Variant of BM25: okapi: as rank_bm25; official: as the paper's code, whose "
        "idf can be negative; lucene: never negative; bm25l, bm25plus: as rank_bm25, and kinder "
        "to long documents.",
    )
    engine: Literal["auto", EngineName] = Field(
        "auto",
        description="Engine that counts BM25: fast: one sparse product per batch; rank_bm25: that "
        "package, query by query, with the same okapi scores; auto: fast, except for bm25l and "
        "bm25plus, which only rank_bm25 has.",
    )
    documents: Literal["queries", "codes"] = Field(
        "queries",
        description="What queries are compared with: queries: docstrings with docstrings, as in "
        "the paper's code and appendix D.2, where a hard negative without a docstring scores the "
        "mean of the others; codes: docstrings with code, as in its section 3.2.",
    )
    tokens: Literal["auto", "words", "docstring_tokens", "subwords"] = Field(
        "auto",
        description="What counts as a term: words: lower-cased words; docstring_tokens: the data's "
        "own tokens as they are; subwords: those of the encoder's tokenizer, as in the paper's "
        "code; auto: words, or subwords for the official variant.",
    )

    @property
    def terms(self) -> Literal["words", "docstring_tokens", "subwords"]:
        """What counts as a term."""
        if self.tokens != "auto":
            return self.tokens
        return "subwords" if self.variant == "official" else "words"

    @property
    def chosen_engine(self) -> EngineName:
        """The engine that is named, or the first that has the variant."""
        return ENGINES[self.variant][0] if self.engine == "auto" else self.engine

    @model_validator(mode="after")
    def _engine_has_the_variant(self) -> "BM25Section":
        if self.chosen_engine not in ENGINES[self.variant]:
            raise InvalidSettingError(
                f"weights.bm25.engine: {self.engine} has no variant {self.variant}",
                f"set weights.bm25.engine to {ENGINES[self.variant][0]}, or leave it at auto",
            )
        return self


class DuplicatesSection(Section):
    """What exact and near duplicates of a query or its function weigh in Soft-InfoNCE."""

    weight: Literal["mask", "floor"] = Field(
        "mask",
        description="Weight of a duplicate: mask: 0, the pair is left out; floor: weights.floor.",
    )


class _Shares(Section):
    """Shares of the estimators in a mixture; only their ratios matter."""


if TYPE_CHECKING:
    MixtureSection = _Shares
else:  # the table tells who can be mixed
    MixtureSection = create_model(
        "MixtureSection",
        __base__=_Shares,
        __doc__=_Shares.__doc__,
        **{
            name: (
                float,
                Field(
                    share,
                    ge=0,
                    le=1000,
                    description=f"Share of {ESTIMATORS[name].label} in the mixture.",
                ),
            )
            for name, share in MIXTURE_SHARES.items()
        },
    )
