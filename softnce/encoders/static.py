"""The static encoder: the mean of trained token vectors. Seconds of training on a CPU."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, final

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn

from softnce.encoders.encoder import Encoder, Side
from softnce.ragged import Ragged, ragged

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_CASE_CHANGE = r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"  # parseHTTPHeader: 3 words
_UNKNOWN = "[UNK]"
_PIECES = r"[^\W\d_]+|\d+|[^\w\s]|_"  # words, numbers, single marks


@final
class StaticEncoder(Encoder):
    """A bag of tokens (sentence-transformers' StaticEmbedding), trained from scratch."""

    def __init__(self, tokenizer: Tokenizer, weights: Tensor, similarity: str) -> None:
        super().__init__(_Bag(weights, is_normalised=similarity == "cosine"), weights.shape[1])
        self._tokenizer, self._similarity = tokenizer, similarity

    def tokenize(
        self, texts: Sequence[str], *, side: Side = "query", languages: Sequence[str] = ()
    ) -> Ragged:
        """Return token ids without special tokens; queries and codes are read alike."""
        del side, languages
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return ragged([encoding.ids for encoding in encodings])

    def tokenizer_digest(self) -> str:
        """Return the digest of the tokenizer, its truncation included."""
        return sha256(self._tokenizer.to_str().encode()).hexdigest()

    def special_ids(self) -> frozenset[int]:
        """Return the id of what the vocabulary does not hold."""
        unknown = self._tokenizer.token_to_id(_UNKNOWN)
        return frozenset() if unknown is None else frozenset({unknown})

    def features(self, tokens: Ragged) -> dict[str, Tensor]:
        """Return flat ids with the start of each bag."""
        return {
            "input_ids": torch.from_numpy(tokens.values.astype(np.int64)).to(self.device),
            "offsets": torch.from_numpy(tokens.offsets[:-1].copy()).to(self.device),
        }

    def sentence_transformer(self) -> "SentenceTransformer":
        """Return a StaticEmbedding, normalised for cosine similarity."""
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding

        weights = self.model.get_parameter("embedding.weight").detach().cpu()
        modules = [StaticEmbedding(self._tokenizer, embedding_weights=weights)]
        if self._similarity == "cosine":
            modules.append(Normalize())
        return SentenceTransformer(
            modules=modules, similarity_fn_name=self._similarity, device="cpu"
        )

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
    tokenizer = Tokenizer(models.BPE(unk_token=_UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_PIECES), behavior="removed", invert=True)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(_CASE_CHANGE), " "), normalizers.Lowercase()]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=[_UNKNOWN], show_progress=False, min_frequency=2
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
    return StaticEncoder(tokenizer, weights, similarity)


class _Bag(nn.Module):
    """The mean of the token vectors of each text, scaled to length 1 for cosine similarity."""

    def __init__(self, weights: Tensor, *, is_normalised: bool) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag.from_pretrained(weights, freeze=False)
        self._is_normalised = is_normalised

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        vectors = self.embedding(features["input_ids"], features["offsets"])
        if self._is_normalised:
            vectors = nn.functional.normalize(vectors, dim=1)
        return {"sentence_embedding": vectors}
