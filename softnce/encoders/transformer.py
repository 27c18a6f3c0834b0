"""Pretrained encoders: any Hugging Face or sentence-transformers folder or hub id."""

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal, final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import (
    Dense,
    Normalize,
    Pooling,
    Transformer,
)

from softnce.encoders.chunks import pooled_chunks
from softnce.encoders.encoder import Encoder
from softnce.encoders.packing import let_pack, packed_features
from softnce.errors import ConfigError, SetupError
from softnce.ragged import Ragged, ragged

_CALL_STATE = ("truncation", "padding")  # set anew by every call of the tokenizer
_LOADING_ERRORS = (
    *(OSError, ValueError, KeyError, ImportError, RuntimeError),
    *(SafetensorError, UnpicklingError, EOFError),
)
_SPACE = "\N{LOWER ONE EIGHTH BLOCK}"  # stands for a space in the vocabularies of SentencePiece
Packing = Literal["auto", "always", "never"]
_GROUPS = 5  # forward passes of a batch; measured best on 2 CPU cores


@final
class TransformerEncoder(Encoder):
    """A transformer with pooling: packed on a GPU, in pooled chunks elsewhere."""

    def __init__(self, model: SentenceTransformer, *, packing: Packing = "auto") -> None:
        super().__init__(model, model.get_embedding_dimension() or 0)
        self._whole = model
        pad = model.tokenizer.pad_token_id
        self._pad: int = 0 if pad is None else pad
        self._packing = packing
        self._first_position: int | None = None
        self._is_looked_at = False

    def tokenize(self, texts: Sequence[str]) -> Ragged:
        """Return token ids with the model's special tokens, cut at its maximum length."""
        if not texts:
            return ragged([])
        tokenizer = self._whole.tokenizer
        backend = tokenizer.backend_tokenizer  # what it calls, without its objects for each text
        backend.no_padding()
        backend.enable_truncation(self._whole.max_seq_length, direction=tokenizer.truncation_side)
        backend.encode_special_tokens = tokenizer.split_special_tokens
        return ragged([one.ids for one in backend.encode_batch_fast(list(texts))])

    def tokenizer_digest(self) -> str:
        """Return the digest of the tokenizer and the length it cuts at."""
        backend = json.loads(self._whole.tokenizer.backend_tokenizer.to_str())
        rules = {name: part for name, part in backend.items() if name not in _CALL_STATE}
        text = json.dumps([rules, self._whole.max_seq_length], sort_keys=True)
        return sha256(text.encode()).hexdigest()

    def special_ids(self) -> frozenset[int]:
        """Return the ids of the tokenizer's special tokens."""
        return frozenset(self._whole.tokenizer.all_special_ids)

    @property
    def is_packed(self) -> bool:
        """Tell whether passes hold no padding; looked at once, where the weights then are."""
        if self._packing == "never" or (self._packing == "auto" and self.device.type != "cuda"):
            return False
        if not self._is_looked_at:
            ids = [one for one in range(3, 40) if one != self._pad]
            probe = ragged([ids[:5], ids, ids[:1], ids[7:20]])
            self._first_position = let_pack(self._whole, probe, self._padded(probe))
            self._is_looked_at = True
        return self._first_position is not None

    def features(self, tokens: Ragged) -> dict[str, Any]:
        """Return ids end to end if packed, else padded to the longest row with their mask."""
        if self.is_packed:
            first = self._first_position or 0
            return packed_features(tokens, first_position=first, device=self.device)
        return self._padded(tokens)

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
        """Return the model that was trained."""
        return self._whole

    def compile_layers(self) -> None:
        """Compile the layers: they are alike, so that one compilation serves them all."""
        self.is_packed  # noqa: B018  (looked at before, or the look would be compiled too)
        stacks = [one for one in self._whole.modules() if isinstance(one, torch.nn.ModuleList)]
        for layer in max(stacks, key=len, default=()):
            layer.compile(dynamic=True)

    def chunks(self, lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Return length-sorted groups with little padding; packed rows need no groups."""
        if self.is_packed:
            return [np.arange(len(lengths))]
        return pooled_chunks(lengths, most=_GROUPS)


def transformer_encoder(
    model: str,
    *,
    pooling: str = "auto",
    similarity: str = "cosine",
    max_length: int = 256,
    packing: Packing = "auto",
) -> TransformerEncoder:
    """Load a pretrained encoder.

    Args:
        model: folder or hub id, in sentence-transformers' or Hugging Face's layout.
        pooling: mean, cls, pooler (CodeBERT's tanh head), or auto: what the folder says, else mean.
        similarity: cosine or dot; cosine normalises the vectors, dot removes a normalisation.
        max_length: tokens kept of a text, at most what the model can take.
        packing: rows end to end instead of padded: always, never, or auto: on a GPU.

    Raises:
        SetupError: the folder does not hold a model with its tokenizer, its weights are no
            numbers, or the hub cannot be reached.
        ConfigError: the model has no pooler to use.
    """
    loaded = _loaded(model)
    if pooling == "auto":
        modules = [module for module in loaded if not isinstance(module, Normalize)]
    else:
        modules = [loaded[0], *_pooling(loaded[0], pooling, model)]
    if similarity == "cosine":
        modules.append(Normalize())
    joined = SentenceTransformer(modules=modules, similarity_fn_name=similarity, device="cpu")
    joined.max_seq_length = min(max_length, loaded.max_seq_length or max_length)
    return TransformerEncoder(joined, packing=packing)


def load_model(model: str) -> SentenceTransformer:
    """Load a sentence-transformers model as it is, on the CPU; none of its files may run code.

    Args:
        model: folder or hub id, in sentence-transformers' or Hugging Face's layout.

    Raises:
        SetupError: there is no such folder, it holds no model, its weights are no numbers, or the
            hub cannot be reached.
    """
    looks_like_a_path = model.startswith((".", "/", "~")) or model.count("/") > 1
    folder = Path(model).expanduser()
    if looks_like_a_path and not folder.is_dir():
        raise SetupError(f"{model}: there is no such folder", "check the path", "encoder.model")
    place = str(folder) if folder.is_dir() else model
    try:
        loaded = SentenceTransformer(place, device="cpu", trust_remote_code=False)
    except _LOADING_ERRORS as error:
        if isinstance(error, UnpicklingError) or "weights_only" in str(error):
            raise SetupError(
                f"{model}: its .bin file is damaged, or would run code when it is read",
                "name a model with .safetensors",
                setting="encoder.model",
            ) from error
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SetupError(
            f"{model}: neither a folder with a model nor a model that the hub gave: {reason}",
            setting="encoder.model",
        ) from error
    _require_finite_weights(loaded, model)
    return loaded


def _loaded(model: str) -> SentenceTransformer:
    loaded = load_model(model)
    if not isinstance(loaded[0], Transformer):
        raise ConfigError(
            f"{model}: holds a {type(loaded[0]).__name__}, not a transformer",
            "name a transformer model",
            setting="encoder.model",
        )
    require_tokenizer(loaded, model)
    return loaded


def require_tokenizer(loaded: SentenceTransformer, model: str) -> None:
    """Refuse the empty tokenizer that transformers makes up where a folder has none."""
    tokenizer = loaded.tokenizer
    special = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab(), _SPACE}
    if not tokenizer.get_vocab().keys() - special:
        raise SetupError(
            f"{model}: has no tokenizer but its special tokens, so that every text reads alike",
            "put the tokenizer's files there: tokenizer.json, or its vocabulary",
            setting="encoder.model",
        )


def _require_finite_weights(loaded: SentenceTransformer, model: str) -> None:
    broken = [name for name, one in loaded.named_parameters() if not one.isfinite().all()]
    if broken:
        raise SetupError(
            f"{model}: {len(broken)} of its weights hold NaN or infinity, first {broken[0]}",
            "take another copy: the model has diverged, or its file is damaged",
            setting="encoder.model",
        )


def _pooling(transformer: Transformer, pooling: str, model: str) -> list[torch.nn.Module]:
    size = transformer.get_embedding_dimension()
    if pooling != "pooler":
        return [Pooling(size, pooling_mode=pooling)]
    pooler: Any = getattr(transformer.auto_model, "pooler", None)
    if getattr(pooler, "dense", None) is None:
        raise ConfigError(
            f"encoder.pooling: pooler, but {model} has no pooler",
            "use cls or mean",
        )
    head = Dense(
        size,
        size,
        activation_function=torch.nn.Tanh(),
        init_weight=pooler.dense.weight.detach().clone(),
        init_bias=pooler.dense.bias.detach().clone(),
    )
    return [Pooling(size, pooling_mode="cls"), head]
