"""Encoder and optimizer: what is trained, and how."""

import re
from typing import Literal

from pydantic import Field, model_validator

from softnce.config.sections.section import Section, Share
from softnce.errors import InvalidSettingError


class LoraSection(Section):
    """Low-rank adapters (LoRA) beside linear modules of a transformer, which alone are trained.

    The exported model has them in its weights.
    """

    rank: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="Rank of the adapters; null: there are none, and all weights are trained.",
    )
    alpha: float | None = Field(
        None,
        gt=0,
        le=10_000,
        description="Factor of the product of an adapter's two matrices, before it is divided by "
        "the rank; null: twice the rank.",
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of the adapters' inputs that is dropped in training."
    )
    targets: str = Field(
        "all",
        description="Linear modules of the layers that have an adapter: all, or the ends of their "
        "names joined by +, as query+value.",
    )

    @property
    def factor(self) -> float:
        """Return alpha, or what stands for it."""
        return float(2 * (self.rank or 0)) if self.alpha is None else self.alpha

    @property
    def told(self) -> str:
        """Describe the adapters of a trained model."""
        return (
            f"LoRA of rank {self.rank}, alpha {self.factor:g}, dropout {self.dropout:g}, beside "
            f"{self.targets} linear modules; they alone were trained, and are in the weights now"
        )

    @model_validator(mode="after")
    def _targets_are_names(self) -> "LoraSection":
        if not re.fullmatch(r"[\w.]+(\+[\w.]+)*", self.targets):
            raise InvalidSettingError(
                f"encoder.lora.targets: {self.targets!r} is no list of names",
                "join names of modules by +, as query+value, or give all",
            )
        return self

    @model_validator(mode="after")
    def _settings_are_those_of_adapters(self) -> "LoraSection":
        fields = type(self).model_fields
        found = [name for name in fields if getattr(self, name) != fields[name].default]
        if self.rank is None and found:
            raise InvalidSettingError(
                f"encoder.lora.{found[0]} without encoder.lora.rank changes nothing",
                "set encoder.lora.rank, for example to 16, or leave it out",
            )
        return self


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
    revision: str | None = Field(
        None, description="Commit, tag or branch of a model of the hub; null: its main branch."
    )
    allow_bin: bool = Field(
        default=False,
        description="Whether a model without safetensors may be read from its .bin file; only "
        "tensors are read of it.",
    )
    pooling: Literal["auto", "mean", "cls", "last", "pooler"] = Field(
        "auto",
        description="How token vectors become one vector; last: that of the last token, for "
        "decoders; pooler: CodeBERT's tanh head; auto: as the model's folder says, else mean, and "
        "with data flow pooler.",
    )
    similarity: Literal["cosine", "dot"] = Field(
        "cosine",
        description="Similarity of query and function vectors; cosine with loss.temperature 0.05 "
        "is the cos x 20 of UniXcoder's own code, dot with 1 is what the paper's code does.",
    )
    max_length: int = Field(
        256, ge=8, le=8192, description="Number of tokens that are kept of a query or a function."
    )
    query_max_length: int | None = Field(
        None,
        ge=8,
        le=8192,
        description="Number of tokens that are kept of a query (transformer only); null: as of a "
        "function.",
    )
    prefix_tokens: tuple[str, ...] = Field(
        (),
        description="Tokens of the model's vocabulary that stand before every text, as UniXcoder's "
        '["<encoder-only>", "</s>"] (transformer only).',
    )
    query_prompt: str | None = Field(
        None,
        description="Text before every query, stored with the model (transformer only); null: as "
        "the model's folder says.",
    )
    code_prompt: str | None = Field(
        None, description="Likewise before every function (transformer only)."
    )
    dataflow: Literal["off", "official", "fixed"] = Field(
        "off",
        description="Whether functions are read with their data flow, as GraphCodeBERT does "
        "(a RoBERTa only). official: by its own rules; fixed: with the holes of those mended. A "
        "function in a language without rules is read as text.",
    )
    dataflow_nodes: int = Field(
        64,
        ge=1,
        le=8000,
        description="Number of places that are kept for data flow beside encoder.max_length.",
    )
    packing: Literal["auto", "always", "never"] = Field(
        "auto",
        description="Whether a transformer's rows are laid end to end instead of padded; auto: on "
        "a GPU, and on a CPU while it trains, if the model gives the same vectors then.",
    )
    lora: LoraSection = LoraSection()
    dimensions: int = Field(128, ge=8, le=4096, description="Vector size of the static encoder.")
    vocabulary: int = Field(
        8000,
        ge=300,
        le=200_000,
        description="Number of tokens of the static encoder's tokenizer, which is trained on the "
        "training split.",
    )

    @model_validator(mode="after")
    def _only_a_transformer_has_its_settings(self) -> "EncoderSection":
        own = {"revision", "allow_bin", "query_max_length", "prefix_tokens", "query_prompt"}
        own |= {"code_prompt", "dataflow", "dataflow_nodes", "lora"}
        fields = type(self).model_fields
        found = [name for name in sorted(own) if getattr(self, name) != fields[name].default]
        if self.kind == "static" and found:
            raise InvalidSettingError(
                f"encoder.{found[0]} belongs to encoder.kind: transformer",
                "set encoder.kind to transformer, or leave it out",
            )
        return self

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
    patience: int | None = Field(
        None,
        ge=1,
        description="Evaluations in a row without a better search.metric after which a run ends, "
        "complete; its learning rate falls as if it went on. Null: all epochs.",
    )
    evaluate_every: int = Field(
        1, ge=1, description="Epochs from one evaluation to the next; the last is always evaluated."
    )
    compile: bool = Field(
        default=False,
        description="Whether torch.compile compiles a transformer's layers: faster steps on a "
        "GPU, for about half a minute at the start of a trial.",
    )
    gradient_checkpointing: bool = Field(
        default=False,
        description="Whether a transformer keeps no activations within its layers and computes "
        "them again for the gradient: less memory, a third more arithmetic, the same gradient.",
    )
    cuda_graphs: Literal["auto", "never"] = Field(
        "never",
        description="Whether a transformer's training passes are recorded, each size of batch "
        "once, and replayed, which spares the processor; auto: on a GPU, where rows are packed, "
        "memory has room for it, and gradients are not cached (optim.max_tokens_per_pass).",
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
