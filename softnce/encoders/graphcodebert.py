"""GraphCodeBERT: code is read with its data flow, queries as any RoBERTa reads them.

Source: Guo et al. 2021, *GraphCodeBERT*, as METHOD C.2 states it. A query is a code without nodes:
one forward pass serves both.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense
from torch import Tensor, nn

from softnce.dataflow.extraction import follows
from softnce.dataflow.flow import CodeFlow
from softnce.dataflow.languages.table import Mode
from softnce.dataflow.tables import Code, code_flows, rules_digest
from softnce.encoders.adapters import merged
from softnce.encoders.assembly import assembled, checkpoint_layers, compile_layers
from softnce.encoders.chunks import pooled_chunks, worthwhile
from softnce.encoders.encoder import Encoder, Side
from softnce.encoders.flow.attention import FlowBatch, code_places, flow_batch, flow_states
from softnce.encoders.flow.layout import LONGEST, Marks, flow_layout, flow_row, places_of
from softnce.encoders.hub import file_beside
from softnce.encoders.options import SIDE_FILE, PretrainedOptions
from softnce.encoders.text_tokens import prompt_of, reading_digest, special_ids, text_tokens
from softnce.errors import ConfigError, SetupError
from softnce.ragged import Ragged, joined, ragged

_MODES: dict[str, Mode] = {"official": "official", "fixed": "fixed"}
_AT_ONCE = 50_000  # functions; their flows take half a gigabyte
_FAMILY = ("roberta", "xlm-roberta", "camembert")


@final
class FlowEncoder(Encoder):
    """A RoBERTa that reads each code with the data flow between its variables."""

    def __init__(self, whole: SentenceTransformer, options: PretrainedOptions) -> None:
        super().__init__(_FlowModel(whole), whole.get_embedding_dimension() or 0)
        self._whole, self._options = whole, options
        tokenizer = whole.tokenizer
        self._marks = Marks(
            begin=tokenizer.cls_token_id,
            padding=tokenizer.pad_token_id,
            end=tokenizer.sep_token_id,
            node=tokenizer.unk_token_id,
        )

    @property
    def reads_languages(self) -> bool:
        """Tell that data flow is followed by the rules of a language."""
        return True

    def tokenize(
        self, texts: Sequence[str], *, side: Side = "query", languages: Sequence[str] = ()
    ) -> Ragged:
        """Return token ids; a code's row holds its data flow, too.

        A code of no known language is read as plain text of the same length. One that does not
        parse has the tokens that the grammar finds in it; an empty one its two marks alone.
        """
        if side == "query":
            return text_tokens(self._whole, texts, side)
        own = [*languages, *[""] * (len(texts) - len(languages))]
        followed = [row for row, language in enumerate(own) if follows(language)]
        plain = [row for row, language in enumerate(own) if not follows(language)]
        read = text_tokens(self._whole, [texts[row] for row in plain], side)
        mode = _MODES[self._options.dataflow]
        for start in range(0, len(followed), _AT_ONCE):
            some = followed[start : start + _AT_ONCE]
            codes = [Code(texts[row], own[row].strip().lower()) for row in some]
            read = joined(read, ragged(self._rows(code_flows(codes, mode))))
        if not plain:
            return read
        return read.take(np.argsort(np.array([*plain, *followed]), kind="stable"))

    def _rows(self, flows: Sequence[CodeFlow]) -> list[list[int]]:
        """Lay functions out; every different token is cut into its pieces once, all together."""
        different = {token: None for flow in flows for token in _spaced(flow)}
        backend = self._whole.tokenizer.backend_tokenizer
        backend.no_padding()
        backend.no_truncation()
        cut = backend.encode_batch_fast(list(different), add_special_tokens=False)
        pieces = {token: one.ids for token, one in zip(different, cut, strict=True)}
        return [
            flow_row(
                flow_layout(
                    flow,
                    [pieces[token] for token in _spaced(flow)],
                    code_length=self._options.max_length,
                    flow_length=self._options.dataflow_nodes,
                    marks=self._marks,
                )
            )
            for flow in flows
        ]

    def tokenizer_digest(self) -> str:
        """Return the digest of the tokenizer, the lengths, and the rules of data flow."""
        sizes = [self._options.max_length, self._options.dataflow_nodes]
        rules = rules_digest(self._options.dataflow)
        return sha256(f"{reading_digest(self._whole)} {sizes} {rules}".encode()).hexdigest()

    def special_ids(self) -> frozenset[int]:
        """Return the ids of the tokenizer's special tokens."""
        return special_ids(self._whole)

    def lengths(self, tokens: Ragged) -> NDArray[np.int64]:
        """Return (n,) places of code and nodes of each row."""
        return places_of(tokens)

    def features(self, tokens: Ragged) -> dict[str, Any]:
        """Return padded rows, with the spans and edges that the mask is made from."""
        return {"flow": flow_batch(tokens, self.device, self._marks)}

    def chunks(self, lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Return length-sorted groups with little padding."""
        return pooled_chunks(lengths, most=worthwhile(lengths))

    def compile_layers(self) -> None:
        """Compile the layers of the transformer."""
        compile_layers(self._whole)

    def checkpoint_layers(self) -> None:
        """Let transformers keep each layer's input alone, and compute the rest of it again."""
        checkpoint_layers(self._whole)

    def sentence_transformer(self) -> SentenceTransformer:
        """Return the model that was trained, which by itself reads code as text."""
        return merged(self._whole)

    def side_files(self) -> Mapping[str, str]:
        """Return how code was read, so that softnce reads it so again."""
        options = self._options
        content = {
            "dataflow": options.dataflow,
            "max_length": options.max_length,
            "dataflow_nodes": options.dataflow_nodes,
        }
        return {SIDE_FILE: json.dumps(content, indent=1) + "\n"}


@final
class _FlowModel(nn.Module):
    """Rows with data flow to vectors, by the modules of a sentence-transformers model."""

    def __init__(self, whole: SentenceTransformer) -> None:
        super().__init__()
        self.whole = whole

    def forward(self, features: Mapping[str, FlowBatch]) -> dict[str, Tensor]:
        batch = features["flow"]
        transformer, *others = self.whole
        found: dict[str, Tensor] = {
            "token_embeddings": flow_states(transformer.auto_model, batch),
            "attention_mask": code_places(batch),
        }
        for module in others:
            found = module(found)
        return found


def flow_encoder(
    loaded: SentenceTransformer, model: str, options: PretrainedOptions
) -> FlowEncoder:
    """Let a loaded model read code with its data flow.

    Args:
        loaded: its first module is a transformer.
        model: its name, for messages.
        options: pooling auto is the pooler, as GraphCodeBERT has it.

    Raises:
        ConfigError: it is no RoBERTa with the usual marks, or its positions do not suffice.
    """
    _check_model(loaded, model)
    limit = _require_places(loaded, model, options)
    total = options.max_length + options.dataflow_nodes
    has_head = any(isinstance(module, Dense) for module in loaded)
    pooling = "pooler" if options.pooling == "auto" and not has_head else options.pooling
    whole = assembled(loaded, model, replace(options, pooling=pooling, max_length=total))
    if prompt_of(whole, "code"):
        raise ConfigError(
            f"encoder.dataflow: {model} would stand a prompt before each code, and a code with its "
            "data flow has none",
            "leave encoder.prefix_tokens out, and set encoder.code_prompt to ''",
        )
    if options.query_max_length is None and whole[0].query_length is None:
        whole[0].query_length = min(options.max_length, limit)
    return FlowEncoder(whole, options)


def stored_flow(loaded: SentenceTransformer, model: str) -> FlowEncoder | None:
    """Let an exported model read code as it did in training; None: it reads code as text.

    Args:
        loaded: the model.
        model: its folder or hub id.

    Raises:
        SetupError: what is said of it there is damaged, or the hub refuses to say.
    """
    path = file_beside(model, SIDE_FILE)
    if path is None:
        return None
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        options = PretrainedOptions(
            dataflow=_MODES[stored["dataflow"]],
            max_length=int(stored["max_length"]),
            dataflow_nodes=int(stored["dataflow_nodes"]),
        )
        _check_model(loaded, model)
        _require_places(loaded, model, options)
    except (OSError, ValueError, KeyError, TypeError, ConfigError) as error:
        raise SetupError(
            f"{path}: damaged, or of another model",
            "export the model anew, or remove the file: code is then read as text",
        ) from error
    return FlowEncoder(loaded, options)


def _require_places(loaded: SentenceTransformer, model: str, options: PretrainedOptions) -> int:
    """Return how many places a row may take, or refuse options that ask for more."""
    total = options.max_length + options.dataflow_nodes
    limit = min(loaded.max_seq_length or LONGEST, LONGEST - 1)
    if min(options.max_length, options.dataflow_nodes) < 1 or total > limit:
        raise ConfigError(
            f"encoder.max_length + encoder.dataflow_nodes: {total} places, and {model} has {limit}",
            "lower one of them",
        )
    return limit


def _check_model(loaded: SentenceTransformer, model: str) -> None:
    inner: Any = loaded[0].auto_model
    if inner.config.model_type not in _FAMILY or not hasattr(inner.embeddings, "word_embeddings"):
        raise ConfigError(
            f"encoder.dataflow: needs a RoBERTa, as GraphCodeBERT is, and {model} holds a "
            f"{type(inner).__name__}",
            "set encoder.dataflow to off, or name another model",
        )
    tokenizer = loaded.tokenizer
    marks = ("cls_token_id", "sep_token_id", "pad_token_id", "unk_token_id")
    missing = [name for name in marks if getattr(tokenizer, name) is None]
    if missing or tokenizer.pad_token_id != inner.config.pad_token_id:
        name = missing[0] if missing else "pad_token_id of its model"
        raise ConfigError(
            f"encoder.dataflow: the tokenizer of {model} has no {name}",
            "set encoder.dataflow to off, or name another model",
        )


def _spaced(flow: CodeFlow) -> list[str]:
    """Return a code's tokens as they are cut into pieces: all but the first behind a space."""
    return [token if place == 0 else f" {token}" for place, token in enumerate(flow.tokens)]
