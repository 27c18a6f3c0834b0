"""What ranks the codes for a query: a model's vectors, or BM25."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from softnce.data.judged.judged_set import Codebase
from softnce.errors import ConfigError, SetupError
from softnce.evaluation.ranking import repeated_vectors
from softnce.retrieval.open_model import OpenModel, Progress, open_model
from softnce.retrieval.words import words
from softnce.weights.bm25 import BM25Estimator

BM25 = "bm25"
QueryVectors = Float[Tensor, "q d"]
CodeVectors = Float[Tensor, "c d"]
Scorer = Callable[[int, int], Float[Tensor, "q c"]]  # scores of the queries from start to stop


class Ranker(ABC):
    """Scores codes for queries; a higher score is a better place.

    Attributes:
        name: as it is shown.
    """

    name: str

    @abstractmethod
    def scorer(self, codebase: Codebase, progress: Progress) -> Scorer:
        """Read all queries and codes of a codebase, and return what scores blocks of queries.

        Raises:
            SetupError: the model gives no usable vectors.
        """


@final
class BM25Ranker(Ranker):
    """BM25 as Lucene has it (k1 1.2, b 0.75, its stop words), identifiers cut into words."""

    name = BM25

    def scorer(self, codebase: Codebase, progress: Progress) -> Scorer:
        """Count the words of all texts."""
        progress(f"{BM25}: counting words", 0, 1)
        estimator = BM25Estimator(
            [words(one.text) for one in codebase.queries],
            documents=_filled_up(
                [words(one.text) for one in codebase.codes.values()], len(codebase.queries)
            ),
            variant="lucene",
        )
        columns = torch.arange(len(codebase.codes))

        def scores(start: int, stop: int) -> Float[Tensor, "q c"]:
            return estimator.relevance(torch.arange(start, stop), columns)

        return scores


@final
class ModelRanker(Ranker):
    """A sentence-transformers model, with its own prompts, lengths and similarity."""

    def __init__(self, model: OpenModel) -> None:
        self.name, self._model = model.name, model
        self._known: tuple[Codebase, QueryVectors, CodeVectors] | None = None

    @property
    def reads_data_flow(self) -> bool:
        """Tell whether the model reads codes with their data flow."""
        return self._model.reads_data_flow

    def scorer(self, codebase: Codebase, progress: Progress) -> Scorer:
        """Encode each distinct text once."""
        return self.scorer_of(*self.vectors(codebase, progress))

    def vectors(self, codebase: Codebase, progress: Progress) -> tuple[QueryVectors, CodeVectors]:
        """Return the vectors of all queries and codes; those of the last codebase are kept.

        Raises:
            SetupError: the model gives no usable vectors.
        """
        if self._known is None or self._known[0] is not codebase:
            self._known = (codebase, *self._encoded(codebase, progress))
        return self._known[1:]

    def _encoded(self, codebase: Codebase, progress: Progress) -> tuple[QueryVectors, CodeVectors]:
        queries = self._model.queries([one.text for one in codebase.queries], progress)
        searched = codebase.codes.values()
        languages = [one.language for one in searched]
        codes = self._model.codes([one.text for one in searched], progress, languages=languages)
        if queries.shape[1] != codes.shape[1]:
            raise SetupError(
                f"{self.name}: its vectors of queries have {queries.shape[1]} dimensions, those of "
                f"codes {codes.shape[1]}",
                "name one model that encodes both alike",
            )
        return queries, codes

    def scorer_of(self, queries: QueryVectors, codes: CodeVectors) -> Scorer:
        """Compare vectors as the model is meant to."""
        later, first = repeated_vectors(codes)
        similarity = self._model.similarity

        def scores(start: int, stop: int) -> Float[Tensor, "q c"]:
            found = similarity(queries[start:stop], codes)
            found[:, later] = found[:, first]
            return found

        return scores


@final
class CutRanker(Ranker):
    """A model whose vectors are cut to their first numbers, as one trained for this allows."""

    def __init__(self, model: ModelRanker, size: int) -> None:
        self.name, self._model, self._size = f"{model.name}, {size} dimensions", model, size

    def scorer(self, codebase: Codebase, progress: Progress) -> Scorer:
        """Cut the model's vectors, which are encoded once for all sizes.

        Raises:
            ConfigError: they have no more numbers than that.
        """
        queries, codes = self._model.vectors(codebase, progress)
        if self._size >= queries.shape[1]:
            raise ConfigError(
                f"--dimensions {self._size}: the vectors of {self._model.name} have "
                f"{queries.shape[1]}",
                "give a smaller number",
            )
        return self._model.scorer_of(queries[:, : self._size], codes[:, : self._size])


def cut_rankers(ranker: Ranker, sizes: Sequence[int]) -> list[Ranker]:
    """Return a ranker for each size that a model's vectors are cut to.

    Raises:
        ConfigError: it has no vectors.
    """
    if sizes and not isinstance(ranker, ModelRanker):
        raise ConfigError(f"--dimensions: {ranker.name} has no vectors", "name a model")
    return [CutRanker(ranker, one) for one in sizes if isinstance(ranker, ModelRanker)]


def model_ranker(model: str, name: str | None = None) -> Ranker:
    """Open a model.

    Args:
        model: a folder or hub id, or ``bm25``.
        name: as it is shown; the end of the path unless given.

    Raises:
        SetupError: it cannot be loaded.
    """
    return BM25Ranker() if model == BM25 else ModelRanker(open_model(model, name))


def _filled_up(documents: list[list[str]], queries: int) -> list[list[str]]:
    """Append empty texts, which no query asks for: the estimator has one for each query."""
    return documents + [[] for _ in range(queries - len(documents))]


def block_size(candidates: int, answers: float) -> int:
    """Return how many queries are ranked at once: about 64 MB for each matrix of scores.

    Args:
        candidates: number of codes.
        answers: mean number of right answers of a query.
    """
    return max(1, int(np.floor(8e6 / (candidates * max(1.0, answers)))))
