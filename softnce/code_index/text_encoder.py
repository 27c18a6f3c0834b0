"""What encodes queries and codes: a static model, or any that sentence-transformers reads."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from softnce.code_index.static_model import StaticModel, static_model

if TYPE_CHECKING:
    from softnce.retrieval.open_model import OpenModel

Vectors = NDArray[np.float32]
Similarity = Callable[[Vectors, Vectors], Vectors]  # of (n, d) codes and a (d,) query


class TextEncoder(ABC):
    """Encodes texts, without training.

    Attributes:
        name: of the model, as it is shown.
        digest: changes whenever vectors would.
        similarity: name in ``SIMILARITIES`` of how vectors are compared.
    """

    name: str
    digest: str
    similarity: str

    @abstractmethod
    def query(self, text: str) -> Vectors:
        """Return the (d,) vector of a query."""

    @abstractmethod
    def codes(self, texts: Sequence[str], languages: Sequence[str]) -> Vectors:
        """Return the (n, d) vectors of codes, each in its language."""


@final
class StaticTextEncoder(TextEncoder):
    """A static model, without torch."""

    def __init__(self, name: str, model: StaticModel) -> None:
        self.name, self._model = name, model
        self.digest, self.similarity = model.digest, model.similarity

    def query(self, text: str) -> Vectors:
        """Return the (d,) vector of a query."""
        found: Vectors = self._model.vectors([text])[0]
        return found

    def codes(self, texts: Sequence[str], languages: Sequence[str]) -> Vectors:
        """Return the (n, d) vectors of codes."""
        del languages
        return self._model.vectors(texts)


@final
class ModelTextEncoder(TextEncoder):
    """A sentence-transformers model, with its own prompts, lengths and similarity."""

    def __init__(self, model: "OpenModel") -> None:
        self.name, self._model = model.name, model
        self.digest, self.similarity = model.digest(), model.similarity_name

    def query(self, text: str) -> Vectors:
        """Return the (d,) vector of a query."""
        found: Vectors = self._model.queries([text], _silent)[0].numpy()
        return found

    def codes(self, texts: Sequence[str], languages: Sequence[str]) -> Vectors:
        """Return the (n, d) vectors of codes."""
        found: Vectors = self._model.codes(texts, _silent, languages=languages).numpy()
        return found


def text_encoder(place: str, name: str) -> TextEncoder:
    """Open a model.

    Args:
        place: its folder or hub id.
        name: as it is shown.

    Raises:
        SetupError: it cannot be loaded.
    """
    folder = Path(place).expanduser()
    static = static_model(folder) if folder.is_dir() else None
    if static is not None:
        return StaticTextEncoder(name, static)
    from softnce.retrieval.open_model import open_model  # seconds to import

    return ModelTextEncoder(open_model(place, name))


def _silent(_phase: str, _done: int, _total: int) -> None:
    """Tell nobody: the caller tells how many texts are done."""


def _cosine(codes: Vectors, query: Vectors) -> Vectors:
    lengths = np.linalg.norm(codes, axis=1) * np.linalg.norm(query)
    found: Vectors = codes @ query / np.maximum(lengths, 1e-12)
    return found


def _dot(codes: Vectors, query: Vectors) -> Vectors:
    found: Vectors = codes @ query
    return found


def _euclidean(codes: Vectors, query: Vectors) -> Vectors:
    found: Vectors = -np.linalg.norm(codes - query, axis=1)
    return found


def _manhattan(codes: Vectors, query: Vectors) -> Vectors:
    found: Vectors = -np.abs(codes - query).sum(axis=1)
    return found


SIMILARITIES: dict[str, Similarity] = {
    "cosine": _cosine,
    "dot": _dot,
    "euclidean": _euclidean,
    "manhattan": _manhattan,
}
