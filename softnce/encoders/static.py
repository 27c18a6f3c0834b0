"""The static encoder: the mean of trained token vectors. Seconds of training on a CPU."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor

from softnce.encoders.encoder import Encoder
from softnce.ragged import Ragged, ragged

_CASE_CHANGE = r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"  # parseHTTPHeader: 3 words
_PIECES = r"[^\W\d_]+|\d+|[^\w\s]|_"  # words, numbers, single marks


@final
class StaticEncoder(Encoder):
    """A bag of tokens (sentence-transformers' StaticEmbedding), trained from scratch."""

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__(model)
        self._tokenizer: Tokenizer = model[0].tokenizer

    def tokenize(self, texts: Sequence[str]) -> Ragged:
        """Return token ids without special tokens."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return ragged([encoding.ids for encoding in encodings])

    def tokenizer_digest(self) -> str:
        """Return the digest of the tokenizer, its truncation included."""
        return sha256(self._tokenizer.to_str().encode()).hexdigest()

    def features(self, tokens: Ragged) -> dict[str, Tensor]:
        """Return flat ids with the start of each bag."""
        return {
            "input_ids": torch.from_numpy(tokens.values.astype(np.int64)).to(self.device),
            "offsets": torch.from_numpy(tokens.offsets[:-1].copy()).to(self.device),
        }

    def chunks(self, lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Return all rows at once: bags need no padding."""
        return [np.arange(len(lengths))]


def train_tokenizer(texts: Iterable[str], *, vocabulary: int, max_length: int) -> Tokenizer:
    """Train a lower-casing BPE tokenizer that splits identifiers into their words.

    Args:
        texts: queries and code of the training split only.
        vocabulary: most tokens.
        max_length: tokens kept of a text.
    """
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))  # noqa: S106  (a token of text)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_PIECES), behavior="removed", invert=True)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(_CASE_CHANGE), " "), normalizers.Lowercase()]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=["[UNK]"], show_progress=False, min_frequency=2
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.enable_truncation(max_length)
    return tokenizer


def static_encoder(
    tokenizer: Tokenizer, *, dimensions: int, similarity: str, generator: torch.Generator
) -> StaticEncoder:
    """Build an untrained static encoder.

    Args:
        tokenizer: from train_tokenizer.
        dimensions: d, the vector size.
        similarity: cosine or dot; cosine normalises the vectors.
        generator: draws the initial token vectors.
    """
    weights = torch.randn(tokenizer.get_vocab_size(), dimensions, generator=generator) * 0.1
    modules = [StaticEmbedding(tokenizer, embedding_weights=weights)]
    if similarity == "cosine":
        modules.append(Normalize())
    model = SentenceTransformer(modules=modules, similarity_fn_name=similarity, device="cpu")
    return StaticEncoder(model)
