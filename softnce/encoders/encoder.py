"""The contract of an encoder: token ids in, vectors out, a sentence-transformers model in the end.

Training feeds token ids that were made once. sentence-transformers itself takes seconds to import,
so only those modules import it that need it while they train.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from softnce.encoders.adapters import is_of_adapter, without_adapters
from softnce.ragged import Ragged

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Side = Literal["query", "code"]


class Encoder(ABC):
    """Texts to vectors, in two steps: ``tokenize`` once, ``encode`` many times.

    Attributes:
        model: what is trained; takes ``features`` and returns ``sentence_embedding``.
        dimensions: d, the size of a vector.
        max_tokens_per_pass: gradient caching: ``encode`` then holds the activations of at
            most so many padded tokens at once, and computes them again for the gradient; None:
            never.
    """

    def __init__(self, model: nn.Module, dimensions: int) -> None:
        self.model = model
        self.dimensions = dimensions
        self.max_tokens_per_pass: int | None = None

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = next(self.model.parameters()).device
        return device

    @abstractmethod
    def tokenize(
        self, texts: Sequence[str], *, side: Side = "query", languages: Sequence[str] = ()
    ) -> Ragged:
        """Return the token ids of each text, truncated, with the model's special tokens.

        Args:
            texts: of any length, empty ones too.
            side: whether they are queries or codes: a model may have a prompt and a length for
                each.
            languages: of each code; only an encoder that ``reads_languages`` asks.
        """

    @abstractmethod
    def tokenizer_digest(self) -> str:
        """Return a name that changes whenever ``tokenize`` would return other ids."""

    @property
    def reads_languages(self) -> bool:
        """Tell whether the tokens of a code depend on its language."""
        return False

    def lengths(self, tokens: Ragged) -> NDArray[np.int64]:
        """Return (n,) how many places each row takes in a forward pass."""
        return tokens.lengths

    def side_files(self) -> Mapping[str, str]:
        """Return texts of files, by name, that tell softnce more of an exported model."""
        return {}

    @property
    def trained(self) -> list[nn.Parameter]:
        """The parameters that training changes: all, or those of adapters."""
        return [one for one in self.model.parameters() if one.requires_grad]

    @property
    def size(self) -> int:
        """The number of parameters of the exported model, whose weights hold its adapters."""
        parameters = self.model.named_parameters()
        return sum(one.numel() for name, one in parameters if not is_of_adapter(name))

    def trained_weights(self) -> dict[str, Tensor]:
        """Return by name what training changes: all weights, or those of adapters."""
        frozen = self._frozen()
        return {name: one for name, one in self.model.state_dict().items() if name not in frozen}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Put what ``trained_weights`` returned back; what is frozen stays as it is.

        Raises:
            RuntimeError: they are those of another encoder.
        """
        found = self.model.load_state_dict(weights, strict=False)
        missing = set(found.missing_keys) - self._frozen()
        if missing:
            raise RuntimeError(f"weights of another encoder: {sorted(missing)[:3]} are missing")
        if found.unexpected_keys:
            known = sorted(found.unexpected_keys)[:3]
            raise RuntimeError(f"weights of another encoder: {known} are none of this one")

    def _frozen(self) -> set[str]:
        named = self.model.named_parameters(remove_duplicate=False)
        return {name for name, one in named if not one.requires_grad}

    def weights_digest(self) -> str:
        """Return a name of the weights as they are now, those of adapters left out."""
        digest = sha256()
        for name, tensor in without_adapters(self.model.state_dict()).items():
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return digest.hexdigest()

    @abstractmethod
    def special_ids(self) -> frozenset[int]:
        """Return the token ids that stand for no text: marks of begin, end, padding, unknown."""

    @abstractmethod
    def features(self, tokens: Ragged) -> dict[str, Tensor]:
        """Return the model's input for one forward pass, on its device."""

    def compile_layers(self) -> None:  # noqa: B027
        """Let torch compile what repeats; nothing does unless an encoder says so."""

    def checkpoint_layers(self) -> None:  # noqa: B027
        """Let layers compute their activations again for the gradient; static ones keep none."""

    def record_passes(self) -> None:  # noqa: B027
        """Let training passes be replayed as CUDA graphs; nothing is unless an encoder says so."""

    @abstractmethod
    def chunks(self, lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Cut rows of these lengths into groups that are forwarded together."""

    @abstractmethod
    def sentence_transformer(self) -> "SentenceTransformer":
        """Return the model as sentence-transformers knows it, with the weights as they are."""

    def encode(self, tokens: Ragged) -> Tensor:
        """Return (n, d) vectors of n rows of token ids, in their order, with gradient.

        With gradient caching the vectors and their gradient are the same, dropout included, at a
        third more arithmetic (Gao et al., 2021, *Scaling Deep Contrastive Learning Batch Size under
        Memory Limited Setup*).
        """
        groups = self._groups(self.lengths(tokens))
        if self.max_tokens_per_pass is None or len(groups) == 1:  # all of it fits at once
            parts = [self._forward(tokens.take(group)) for group in groups]
        else:
            parts = [
                checkpoint(self._forward, tokens.take(group), use_reentrant=False)
                for group in groups
            ]
        if len(parts) == 1 and np.array_equal(groups[0], np.arange(len(tokens))):
            return parts[0]
        order = torch.from_numpy(np.argsort(np.concatenate(groups))).to(parts[0].device)
        return torch.cat(parts)[order]

    def _groups(self, lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Cut a batch into its forward passes; those of gradient caching are bounded."""
        if self.max_tokens_per_pass is None or not len(lengths):
            return self.chunks(lengths)
        return _passes(np.argsort(lengths, kind="stable"), lengths, self.max_tokens_per_pass)

    @torch.inference_mode()
    def encode_all(self, tokens: Ragged, *, max_tokens_per_pass: int = 16_384) -> Tensor:
        """Return (n, d) float32 vectors on the CPU, without gradient, for any n.

        Equal texts are encoded once, so that their vectors are equal to the last bit.

        Args:
            tokens: token ids of n texts.
            max_tokens_per_pass: padded tokens of one forward pass, which bounds the memory.
        """
        was_training = self.model.training
        self.model.eval()
        rows, places = _distinct(tokens)
        lengths = self.lengths(tokens)[rows]
        order = np.argsort(lengths, kind="stable")
        passes = _passes(order, lengths, max_tokens_per_pass)
        parts = [self._forward(tokens.take(rows[some])).float().cpu() for some in passes]
        self.model.train(was_training)
        if not parts:
            return torch.empty(0, self.dimensions)
        vectors = torch.cat(parts)
        return vectors[torch.from_numpy(np.argsort(order, kind="stable")[places])]

    def _forward(self, tokens: Ragged) -> Tensor:
        vectors: Tensor = self.model(self.features(tokens))["sentence_embedding"]
        return vectors[: len(tokens)]  # rows that fill a packed pass up are no texts


def _distinct(tokens: Ragged) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the (m,) first row of each distinct text, and (n,) which of them each text is."""
    values, offsets = np.asarray(tokens.values), np.asarray(tokens.offsets)
    raw, bounds = values.tobytes(), (offsets * values.itemsize).tolist()
    seen: dict[bytes, int] = {}
    places = [seen.setdefault(raw[a:b], len(seen)) for a, b in pairwise(bounds)]
    found = np.array(places, dtype=np.int64)
    _, rows = np.unique(found, return_index=True)
    return rows.astype(np.int64), found


def _passes(
    order: NDArray[np.int64], lengths: NDArray[np.int64], max_tokens_per_pass: int
) -> list[NDArray[np.int64]]:
    """Cut rows sorted by length into runs whose padded area stays below the bound."""
    passes, start = [], 0
    for stop in range(1, len(order) + 1):
        longest = max(int(lengths[order[stop]]), 1) if stop < len(order) else 0
        if stop == len(order) or (stop + 1 - start) * longest > max_tokens_per_pass:
            passes.append(order[start:stop])
            start = stop
    return passes
