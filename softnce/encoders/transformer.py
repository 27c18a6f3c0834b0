"""Pretrained encoders: any Hugging Face or sentence-transformers folder or hub id."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling
from torch import Tensor

from softnce.encoders.adapters import add_adapters, freeze_others, merged
from softnce.encoders.assembly import assembled, checkpoint_layers, compile_layers
from softnce.encoders.checks.parts import require_vectors
from softnce.encoders.chunks import even_chunks, pooled_chunks, worthwhile
from softnce.encoders.encoder import Encoder, Side
from softnce.encoders.graphcodebert import FlowEncoder, flow_encoder, stored_flow
from softnce.encoders.graphs import Graphs
from softnce.encoders.loading import load_transformer
from softnce.encoders.options import DEFAULTS, Packing, PretrainedOptions
from softnce.encoders.packing.features import mean_of_rows, packed_features
from softnce.encoders.packing.probe import let_pack
from softnce.encoders.text_tokens import (
    PROMPTS,
    length_of,
    reading_digest,
    special_ids,
    text_tokens,
)
from softnce.ragged import Ragged, ragged

_TOKENS = 8192  # of a packed pass on a CPU; two cores were as fast with half as many


@final
class TransformerEncoder(Encoder):
    """A transformer with pooling: packed on a GPU and in training, in pooled chunks elsewhere."""

    def __init__(self, model: SentenceTransformer, *, packing: Packing = "auto") -> None:
        super().__init__(model, model.get_embedding_dimension() or 0)
        self._whole = model
        pad = model.tokenizer.pad_token_id
        self._pad: int = 0 if pad is None else pad
        self._packing = packing
        self._first_position: int | None = None
        self._is_looked_at = False
        self._graphs: Graphs | None = None
        self._is_compiled = False

    def tokenize(
        self, texts: Sequence[str], *, side: Side = "query", languages: Sequence[str] = ()
    ) -> Ragged:
        """Return token ids with the model's special tokens, behind the prompt of their side."""
        del languages
        return text_tokens(self._whole, texts, side)

    def tokenizer_digest(self) -> str:
        """Return the digest of the tokenizer, its prompts and the lengths it cuts at."""
        return reading_digest(self._whole)

    def special_ids(self) -> frozenset[int]:
        """Return the ids of the tokenizer's special tokens."""
        return special_ids(self._whole)

    @property
    def is_packed(self) -> bool:
        """Tell whether passes hold no padding; looked at once, where the weights then are."""
        if self._packing == "never" or (self._packing == "auto" and not self._is_worth_packing()):
            return False
        if not self._is_looked_at:
            ids = [one for one in range(3, 40) if one != self._pad]
            probe = ragged([ids[:5], ids, ids[:1], ids[7:20]])
            padded, longest = self._padded(probe), self._longest()
            self._first_position = let_pack(self._whole, probe, padded, longest=longest)
            self._is_looked_at = True
        return self._first_position is not None

    def _is_worth_packing(self) -> bool:
        """Tell whether packed passes are faster; without gradient, sorted rows are hardly padded.

        On a CPU, too, where rows attend one length at a time: that cannot be compiled.
        """
        kind = self.device.type
        return kind == "cuda" or (kind == "cpu" and self.model.training and not self._is_compiled)

    def _longest(self) -> int:
        return max(length_of(self._whole, side) for side in PROMPTS)

    def features(self, tokens: Ragged) -> dict[str, Any]:
        """Return ids end to end if packed, else padded to the longest row with their mask."""
        return self._packed(tokens) if self.is_packed else self._padded(tokens)

    def _packed(self, tokens: Ragged, *, most: int | None = None) -> dict[str, Any]:
        first, device = self._first_position or 0, self.device
        is_filled_up = device.type == "cuda"
        return packed_features(
            tokens, first_position=first, device=device, most=most, is_filled_up=is_filled_up
        )

    def _forward(self, tokens: Ragged) -> Tensor:
        if not self.is_packed:
            return super()._forward(tokens)
        graphs = self._graphs if self.model.training and torch.is_grad_enabled() else None
        if graphs is None or self.max_tokens_per_pass is not None:
            return self._passed(self._packed(tokens))[: len(tokens)]
        features = self._packed(tokens, most=self._longest())
        replayed = graphs.vectors(features)
        vectors = self._passed(features) if replayed is None else replayed
        return vectors[: len(tokens)]

    def _passed(self, features: dict[str, Any]) -> Tensor:
        """Return (rows, d) vectors of a packed pass."""
        for module in self._whole:
            if isinstance(module, Pooling) and module.pooling_mode == "mean":
                features["sentence_embedding"] = mean_of_rows(features)
            else:
                features = module(features)
        vectors: Tensor = features["sentence_embedding"]
        return vectors

    def record_passes(self) -> None:
        """Replay training passes as CUDA graphs, on a GPU, where they are packed."""
        if self.is_packed and self.device.type == "cuda":
            self._graphs = Graphs(self._whole.parameters(), self._passed)

    def _padded(self, tokens: Ragged) -> dict[str, Any]:
        lengths = tokens.lengths
        mask = np.arange(int(lengths.max(initial=0))) < lengths[:, None]
        ids = np.full(mask.shape, self._pad, dtype=np.int64)
        ids[mask] = tokens.values
        return {
            "input_ids": torch.from_numpy(ids).to(self.device, non_blocking=True),
            "attention_mask": torch.from_numpy(mask.astype(np.int64)).to(self.device),
        }

    def sentence_transformer(self) -> SentenceTransformer:
        """Return the model that was trained, adapters merged into its weights."""
        return merged(self._whole)

    def compile_layers(self) -> None:
        """Compile the layers: they are alike, so that one compilation serves them all."""
        self._is_compiled = True
        self.is_packed  # noqa: B018  (looked at before, or the look would be compiled too)
        compile_layers(self._whole)

    def checkpoint_layers(self) -> None:
        """Let transformers keep each layer's input alone, and compute the rest of it again."""
        checkpoint_layers(self._whole)

    def chunks(self, lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Return length-sorted groups with little padding; a GPU takes packed rows in one."""
        if not self.is_packed:
            return pooled_chunks(lengths, most=worthwhile(lengths))
        if self.device.type == "cpu":
            return even_chunks(lengths, most=_TOKENS)
        return [np.arange(len(lengths))]


def transformer_encoder(
    model: str, options: PretrainedOptions = DEFAULTS
) -> TransformerEncoder | FlowEncoder:
    """Load a pretrained encoder.

    Args:
        model: folder or hub id, in sentence-transformers' or Hugging Face's layout.
        options: how it is loaded, how it reads texts, and what of it is trained.

    Raises:
        SetupError: the folder does not hold a model with its tokenizer, its weights are no
            numbers, or the hub cannot be reached.
        ConfigError: the model has no pooler to use, lacks a prefix token, cannot read data flow, or
            has no modules for its adapters.
    """
    loaded = load_transformer(model, options)
    if options.adapters is not None:
        add_adapters(loaded[0].auto_model, model, options.adapters)
    encoder = _encoder(loaded, model, options)
    if options.adapters is not None:
        freeze_others(encoder.model)
    return encoder


def _encoder(
    loaded: SentenceTransformer, model: str, options: PretrainedOptions
) -> TransformerEncoder | FlowEncoder:
    if options.dataflow != "off":
        return flow_encoder(loaded, model, options)
    whole = assembled(loaded, model, options)
    require_vectors(whole, model)
    return TransformerEncoder(whole, packing=options.packing)


def stored_encoder(model: str) -> TransformerEncoder | FlowEncoder:
    """Load an encoder that is only asked for vectors: it reads texts as its folder says.

    Args:
        model: folder or hub id; one that softnce exported reads codes with its data flow, if it was
            trained so.

    Raises:
        SetupError: as above.
        ConfigError: it is another kind of model.
    """
    loaded = load_transformer(model)
    flow = stored_flow(loaded, model)
    if flow is not None:
        require_vectors(loaded, model)
        return flow
    code, longest = loaded[0].document_length, loaded.max_seq_length or DEFAULTS.max_length
    whole = assembled(loaded, model, replace(DEFAULTS, max_length=longest))
    if code is not None:
        whole[0].document_length = min(code, longest)
    require_vectors(whole, model)
    return TransformerEncoder(whole)
