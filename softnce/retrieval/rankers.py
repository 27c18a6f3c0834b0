"""What ranks the codes for a query: a model's vectors, or BM25."""

import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from softnce.data.judged.judged_set import Codebase
from softnce.encoders.transformer import load_model, require_tokenizer
from softnce.errors import SetupError, SoftnceError
from softnce.evaluation.ranking import repeated_vectors
from softnce.weights.bm25 import BM25Estimator

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BM25 = "bm25"
Scorer = Callable[[int, int], Float[Tensor, "q c"]]  # scores of the queries from start to stop
Progress = Callable[[str, int, int], None]
_TEXTS_A_CALL = 1024
_BATCH = 32
_CASE_CHANGE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]{2,}|\d+")  # a letter alone says nothing
_STOP_WORDS = (  # Lucene's, for English
    "a an and are as at be but by for if in into is it no not of on or such that the their then "
    "there these they this to was will with"
)
_STOPPED = frozenset(_STOP_WORDS.split())


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

    def __init__(self, name: str, model: "SentenceTransformer") -> None:
        self.name, self._model = name, model

    def scorer(self, codebase: Codebase, progress: Progress) -> Scorer:
        """Encode each distinct text once."""
        queries = self._vectors(
            [one.text for one in codebase.queries], "queries", self._model.encode_query, progress
        )
        codes = self._vectors(
            [one.text for one in codebase.codes.values()],
            "codes",
            self._model.encode_document,
            progress,
        )
        if queries.shape[1] != codes.shape[1]:
            raise SetupError(
                f"{self.name}: its vectors of queries have {queries.shape[1]} dimensions, those of "
                f"codes {codes.shape[1]}",
                "name one model that encodes both alike",
            )
        later, first = repeated_vectors(codes)
        similarity = self._model.similarity

        def scores(start: int, stop: int) -> Float[Tensor, "q c"]:
            found: Float[Tensor, "q c"] = similarity(queries[start:stop], codes)
            found[:, later] = found[:, first]
            return found

        return scores

    def _vectors(
        self,
        texts: Sequence[str],
        what: str,
        encode: Callable[..., Tensor],
        progress: Progress,
    ) -> Float[Tensor, "n d"]:
        """Encode texts sorted by length, the longest first, so that little padding is computed."""
        distinct = sorted(set(texts), key=len, reverse=True)
        parts: list[Tensor] = []
        for start in range(0, len(distinct), _TEXTS_A_CALL):
            progress(f"{self.name}: encoding {what}", start, len(distinct))
            part = distinct[start : start + _TEXTS_A_CALL]
            try:
                found = encode(
                    part, batch_size=_BATCH, convert_to_tensor=True, show_progress_bar=False
                )
            except (RuntimeError, ValueError, IndexError, KeyError) as error:
                reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                raise SetupError(f"{self.name}: cannot encode the {what}: {reason}") from error
            parts.append(found.detach().float().cpu())
        vectors = torch.cat(parts)
        self._require_finite(vectors, what)
        place = {text: row for row, text in enumerate(distinct)}
        return vectors[torch.tensor([place[text] for text in texts])]

    def _require_finite(self, vectors: Float[Tensor, "n d"], what: str) -> None:
        broken = int((~vectors.isfinite().all(dim=1)).sum())
        if broken:
            raise SetupError(
                f"{self.name}: {broken} of {len(vectors)} vectors of {what} hold NaN or infinity",
                "take another copy of the model: it has diverged, or its file is damaged",
            )


def model_ranker(model: str, name: str | None = None) -> Ranker:
    """Open a model.

    Args:
        model: a folder or hub id, or ``bm25``.
        name: as it is shown; the end of the path unless given.

    Raises:
        SetupError: it cannot be loaded.
    """
    if model == BM25:
        return BM25Ranker()
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    for library in ("huggingface_hub", "transformers", "sentence_transformers"):
        logging.getLogger(library).setLevel(logging.ERROR)  # each retry would be a line
    try:
        loaded = load_model(model)
        if getattr(loaded, "tokenizer", None) is not None and hasattr(
            loaded.tokenizer, "all_special_tokens"
        ):
            require_tokenizer(loaded, model)
    except SoftnceError as error:
        raise type(error)(error.found, error.cure) from error
    if torch.cuda.is_available():
        loaded.to("cuda")
    return ModelRanker(name or "/".join(model.rstrip("/").split("/")[-2:]), loaded.eval())


def words(text: str) -> list[str]:
    """Cut a text into the words that BM25 matches: those inside identifiers, too.

    >>> words("def readCSVFile(path_name): # the 2 ways")
    ['def', 'read', 'csv', 'file', 'path', 'name', '2', 'ways']
    """
    found = (word.lower() for word in _WORD.findall(_CASE_CHANGE.sub(" ", text)))
    return [word for word in found if word not in _STOPPED]


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
