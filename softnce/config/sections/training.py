"""Data, encoder and optimizer: what is trained, on what, and how."""

from typing import Literal

from pydantic import Field, model_validator

from softnce.config.sections.section import Section, Share

ColumnName = Literal["query", "code", "id", "language", "negatives"]


class DataSection(Section):
    """Where the pairs of (query, function) come from."""

    path: str | None = Field(
        None, description="folder in GraphCodeBERT layout, or a jsonl, csv or parquet file of pairs"
    )
    mine: tuple[str, ...] = Field(
        (),
        description="source folders to mine pairs from instead; @environment = installed packages",
    )
    max_pairs: int | None = Field(None, ge=10, description="most pairs to mine")
    columns: dict[ColumnName, str] | None = Field(None, description="column names of own data")
    language: str | None = Field(None, description="programming language where the data do not say")
    negatives: int = Field(
        0,
        ge=0,
        le=1000,
        description="hard negatives of each training query, from the data's column negatives; all "
        "queries of a batch are scored against them; 0 ignores the column",
    )
    max_bad_share: Share = Field(
        0.05, description="a file with a larger share of unreadable rows is refused"
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="seed of splits and of mining's sample")

    @model_validator(mode="after")
    def _one_source(self) -> "DataSection":
        if (self.path is None) == (not self.mine):
            raise ValueError(
                "give either data.path (pairs) or data.mine (source folders), not both or neither"
            )
        return self

    @model_validator(mode="after")
    def _negatives_are_given(self) -> "DataSection":
        if self.negatives and self.mine:
            raise ValueError(
                "data.negatives: mined pairs come without hard negatives: set it to 0, or give "
                "data.path"
            )
        return self


class EncoderSection(Section):
    """The model that turns queries and functions into vectors."""

    kind: Literal["static", "transformer"] = Field(
        "static", description="static: bag of tokens; transformer: a pretrained model"
    )
    model: str | None = Field(
        None, description="Hugging Face or sentence-transformers folder or id (transformer only)"
    )
    pooling: Literal["auto", "mean", "cls", "pooler"] = Field(
        "auto", description="auto: what the model's folder says, else mean"
    )
    similarity: Literal["cosine", "dot"] = Field(
        "cosine",
        description="of query and function vectors; cosine with loss.temperature 0.05 is the "
        "cos x 20 of UniXcoder's own code, dot with 1 what the paper's code makes of it",
    )
    max_length: int = Field(256, ge=8, le=8192, description="tokens kept of a query or a function")
    packing: Literal["auto", "always", "never"] = Field(
        "auto",
        description="rows of a transformer end to end instead of padded; auto: on a GPU, if the "
        "model gives the same vectors then",
    )
    dimensions: int = Field(128, ge=8, le=4096, description="vector size of the static encoder")
    vocabulary: int = Field(
        8000,
        ge=300,
        le=200_000,
        description="tokens of the static encoder, trained on the training split",
    )

    @model_validator(mode="after")
    def _model_where_needed(self) -> "EncoderSection":
        if self.kind == "transformer" and self.model is None:
            raise ValueError("encoder.kind: transformer needs encoder.model, a folder or a hub id")
        if self.kind == "static" and self.model is not None:
            raise ValueError(
                "encoder.model belongs to encoder.kind: transformer; "
                "the static encoder is trained from scratch"
            )
        return self


class OptimSection(Section):
    """Training of one encoder."""

    epochs: int = Field(
        4,
        ge=1,
        le=9_999,
        description="passes over the training pairs; ASHA may stop earlier; the paper has 30, its "
        "code's README 10 for CodeBERT and UniXcoder",
    )
    batch_size: int = Field(
        128,
        ge=2,
        le=1_000_000,
        description="pairs of a batch over all workers = candidates of each query",
    )
    learning_rate: float = Field(1e-3, gt=0, le=10, description="peak of the schedule")
    warmup_share: Share = Field(
        0.1,
        description="share of the steps with rising learning rate; the others fall linearly, the "
        "last one still trains",
    )
    weight_decay: float = Field(
        0.0, ge=0, le=1, description="of AdamW; biases and norms are spared"
    )
    max_grad_norm: float = Field(1.0, gt=0, description="gradients are clipped to this norm")
    max_steps: int | None = Field(None, ge=1, description="most steps of an epoch, for a short try")
    precision: Literal["fp32", "bf16"] = Field(
        "fp32", description="of the encoder's forward pass; the loss is always at least fp32"
    )
    max_tokens_per_pass: int | None = Field(
        None,
        ge=64,
        description="gradient caching, for batches beyond memory: encode at most so many tokens at "
        "once and compute them again for the gradient; the same loss, a third more arithmetic",
    )
    init_from_teacher: bool = Field(
        default=False,
        description="every trial starts from the weights of the study's teacher, as in the paper's "
        "code by accident",
    )
    deterministic: bool = Field(
        default=True, description="the same seed gives the same metrics on the same machine"
    )
    seed: int = Field(
        1234,
        ge=0,
        le=2**31 - 1,
        description="of initial weights and batch order; one for all trials of a search; the "
        "paper has 1234, 12345 and 123456",
    )
