"""Data, encoder and optimizer: what is trained, on what, and how."""

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


class EncoderSection(Section):
    """The model that turns queries and functions into vectors."""

    kind: Literal["static", "transformer"] = Field(
        "static",
        description="Kind of the encoder: static: a bag of tokens; transformer: a pretrained "
        "model.",
    )
    model: str | None = Field(
        None,
        description="Folder or hub id of a Hugging Face or sentence-transformers model "
        "(transformer only).",
    )
    pooling: Literal["auto", "mean", "cls", "pooler"] = Field(
        "auto",
        description="How token vectors become one vector; auto: as the model's folder says, else "
        "mean.",
    )
    similarity: Literal["cosine", "dot"] = Field(
        "cosine",
        description="Similarity of query and function vectors; cosine with loss.temperature 0.05 "
        "is the cos x 20 of UniXcoder's own code, dot with 1 is what the paper's code does.",
    )
    max_length: int = Field(
        256, ge=8, le=8192, description="Number of tokens that are kept of a query or a function."
    )
    packing: Literal["auto", "always", "never"] = Field(
        "auto",
        description="Whether a transformer's rows are laid end to end instead of padded; auto: on "
        "a GPU, if the model gives the same vectors then.",
    )
    dimensions: int = Field(128, ge=8, le=4096, description="Vector size of the static encoder.")
    vocabulary: int = Field(
        8000,
        ge=300,
        le=200_000,
        description="Number of tokens of the static encoder's tokenizer, which is trained on the "
        "training split.",
    )

    @model_validator(mode="after")
    def _model_where_needed(self) -> "EncoderSection":
        if self.kind == "transformer" and self.model is None:
            raise InvalidSettingError(
                "encoder.kind: transformer needs encoder.model", "give a folder or a hub id"
            )
        if self.kind == "static" and self.model is not None:
            raise InvalidSettingError(
                "encoder.model belongs to encoder.kind: transformer; "
                "the static encoder is trained from scratch",
                "set encoder.kind to transformer, or leave encoder.model out",
            )
        return self


class OptimSection(Section):
    """Training of one encoder."""

    epochs: int = Field(
        4,
        ge=1,
        le=9_999,
        description="Number of passes over the training pairs; ASHA may stop earlier. The paper "
        "has 30, its code's README 10 for CodeBERT and UniXcoder.",
    )
    batch_size: int = Field(
        128,
        ge=2,
        le=1_000_000,
        description="Number of pairs per batch over all workers, which are each query's "
        "candidates.",
    )
    learning_rate: float = Field(
        1e-3, gt=0, le=10, description="Learning rate of AdamW at the schedule's peak."
    )
    warmup_share: Share = Field(
        0.1,
        description="Share of the steps in which the learning rate rises; in the others it falls "
        "linearly, and the last one still trains.",
    )
    weight_decay: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Weight decay of AdamW, from which biases and norms are spared.",
    )
    max_grad_norm: float = Field(
        1.0, gt=0, description="Largest norm of the gradients; longer ones are clipped to it."
    )
    max_steps: int | None = Field(
        None, ge=1, description="Most steps per epoch, for a short try; null: all."
    )
    precision: Literal["fp32", "bf16"] = Field(
        "fp32",
        description="Precision of the encoder's forward pass; the loss is always at least fp32.",
    )
    max_tokens_per_pass: int | None = Field(
        None,
        ge=64,
        description="Most tokens that are encoded at once, for batches beyond memory (gradient "
        "caching): they are computed again for the gradient; the loss is the same, the arithmetic "
        "a third more. Null: the whole batch at once.",
    )
    evaluate_every: int = Field(
        1, ge=1, description="Epochs from one evaluation to the next; the last is always evaluated."
    )
    compile: bool = Field(
        default=False,
        description="Whether torch.compile compiles a transformer's layers: faster steps on a "
        "GPU, for about half a minute at the start of a trial.",
    )
    init_from_teacher: bool = Field(
        default=False,
        description="Whether every trial starts from the weights of the study's teacher, as "
        "happens by accident in the paper's code.",
    )
    deterministic: bool = Field(
        default=True,
        description="Whether the same seed gives the same metrics on the same machine.",
    )
    seed: int = Field(
        1234,
        ge=0,
        le=2**31 - 1,
        description="Seed of the initial weights and of the batch order, the same for all trials "
        "of a search; the paper has 1234, 12345 and 123456.",
    )
