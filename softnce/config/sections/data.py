"""Data: where the pairs come from, and their hard negatives."""

from typing import Literal

from pydantic import Field, model_validator

from softnce.config.sections.section import Section, Share
from softnce.data.source_code.docstrings import Docstrings
from softnce.errors import InvalidSettingError

ColumnName = Literal["query", "code", "id", "language", "negatives"]
COLUMN, BM25, TEACHER = "column", "bm25", "teacher"  # words for where hard negatives come from


class GuideSection(Section):
    """How the guide that ``data.negatives_from`` names finds hard negatives."""

    pool: int = Field(
        100,
        ge=1,
        le=10_000,
        description="Number of nearest functions of a query that its hard negatives are drawn "
        "from.",
    )
    margin: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="Share of the own function's score below it, from which on a function counts "
        "as a false negative and is never drawn.",
    )
    hottest: float = Field(
        2.0,
        gt=0,
        le=1000,
        description="Temperature of the first epoch's draws, in standard deviations of the "
        "guide's scores.",
    )
    coldest: float = Field(
        0.2,
        gt=0,
        le=1000,
        description="Temperature of the last epoch's draws; those between are spaced evenly in "
        "their logarithm.",
    )

    @model_validator(mode="after")
    def _cools_down(self) -> "GuideSection":
        if self.coldest > self.hottest:
            raise InvalidSettingError(
                f"data.guide.coldest={self.coldest:g} is above data.guide.hottest={self.hottest:g}",
                "give the larger one as hottest; equal ones draw alike in all epochs",
            )
        return self

    def temperature(self, epoch: int, epochs: int) -> float:
        """Return the temperature of an epoch's draws.

        Args:
            epoch: from 1.
            epochs: in all.
        """
        way = (epoch - 1) / max(epochs - 1, 1)
        return float(self.hottest * (self.coldest / self.hottest) ** way)


class DataSection(Section):
    """Where the pairs of (query, function) come from."""

    path: str | None = Field(
        None,
        description="Folder in GraphCodeBERT layout, or a jsonl, csv or parquet file of pairs.",
    )
    mine: tuple[str, ...] = Field(
        (),
        description="Source folders to mine pairs from instead, in every language that can be "
        "mined or in data.language alone; @environment: the installed Python packages.",
    )
    max_pairs: int | None = Field(
        None, ge=10, description="Largest number of pairs to mine; null: all that are found."
    )
    columns: dict[ColumnName, str] | None = Field(
        None,
        description="Names of the columns by their role, where the data have names of their own.",
    )
    language: str | None = Field(
        None,
        description="Programming language of the functions, where the data do not say; with "
        "data.mine, the only one that is mined.",
    )
    docstrings: Docstrings = Field(
        "auto",
        description="What becomes of docstrings and comments, in training, validation and test "
        "alike. auto: one that carries a query of its function goes (word for word, or 60 % of its "
        "words in a row, or 70 % of 4 or more distinct ones close together), the others stay; "
        "strip: docstrings go, and such comments; keep: all stay, with what they give away.",
    )
    keep_docstring_share: Share = Field(
        0.0,
        description="Share of the training functions without their docstring that get its other "
        "lines back, those that do not repeat the query, so that both kinds of code are met.",
    )
    batches: Literal["mixed", "by_language"] = Field(
        "mixed",
        description="What meets in a batch, where pairs are of several languages: mixed: any; "
        "by_language: pairs of one language, so that all negatives are of it.",
    )
    negatives: int = Field(
        0,
        ge=0,
        le=1000,
        description="Number of hard negatives per training query; all queries of a batch are "
        "scored against them. 0: none.",
    )
    negatives_from: str = Field(
        COLUMN,
        min_length=1,
        description="Source of the hard negatives: column: the data's column negatives; bm25, "
        "teacher (the study's own), or the folder or hub id of an encoder: a frozen guide, which "
        "finds them among the training functions, anew and nearer in each epoch.",
    )
    guide: GuideSection = GuideSection()
    max_bad_share: Share = Field(
        0.05, description="Largest share of unreadable rows with which a file is still accepted."
    )
    seed: int = Field(
        0, ge=0, le=2**31 - 1, description="Seed of the splits and of the sample that mining takes."
    )

    @model_validator(mode="after")
    def _one_source(self) -> "DataSection":
        if (self.path is None) == (not self.mine):
            both = "both data.path and data.mine are" if self.mine else "neither of them is"
            raise InvalidSettingError(
                f"{both} given",
                "give either data.path (pairs) or data.mine (source folders), not both or neither",
            )
        return self

    @model_validator(mode="after")
    def _columns_are_apart(self) -> "DataSection":
        names = list((self.columns or {}).values())
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InvalidSettingError(
                f"data.columns: {twice} is the column of two roles", "name one column for each"
            )
        return self

    @model_validator(mode="after")
    def _negatives_are_given(self) -> "DataSection":
        if self.column_negatives and self.mine:
            raise InvalidSettingError(
                "data.negatives: mined pairs come without hard negatives",
                "set it to 0, give data.path, or set data.negatives_from to bm25",
            )
        return self

    @model_validator(mode="after")
    def _guide_has_a_number(self) -> "DataSection":
        if self.is_guided and not 1 <= self.negatives <= self.guide.pool:
            raise InvalidSettingError(
                f"data.negatives_from: {self.negatives_from} with data.negatives="
                f"{self.negatives}, drawn from a pool of {self.guide.pool}",
                "set data.negatives to 1 or more, and data.guide.pool to no less",
            )
        return self

    @property
    def is_guided(self) -> bool:
        """Tell whether a frozen guide finds the hard negatives."""
        return self.negatives_from != COLUMN

    @property
    def column_negatives(self) -> int:
        """How many hard negatives of each training query the data's column has to give."""
        return 0 if self.is_guided else self.negatives
