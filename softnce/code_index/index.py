"""The index of a code base: made anew only where it changed, then asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from softnce.code_index.filled_rows import FilledRows, RowKind, codes_of, filled_rows
from softnce.code_index.listing import Listed, Listing, Progress
from softnce.code_index.stored_rows import Arrays, Segment, StoredRows
from softnce.code_index.text_encoder import SIMILARITIES, TextEncoder, Vectors
from softnce.code_index.word_rows import ARRAYS, bm25_scores, word_arrays
from softnce.errors import DataError, SetupError
from softnce.weights.cache import cache_key

K = 60  # of reciprocal rank fusion, as in softnce.evaluation.fusion, which needs torch
_WORDS = cache_key("words", version=2)  # another when words would be cut otherwise
_BATCH = 128  # texts between two signs of progress
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Hit:
    """A function that was found.

    Attributes:
        listed: the function with its file.
        code: its text as it stands; None where the file has changed since it was indexed.
        score: by which hits are ordered.
        similarity: of the model; None without one.
        bm25: its score; None without it.
    """

    listed: Listed
    code: str | None
    score: float
    similarity: float | None
    bm25: float | None


@dataclass(frozen=True, slots=True)
class CodeIndex:
    """The functions of a code base, ready to be asked.

    Attributes:
        functions: all of them, in the order of scores.
        encoder: gave the vectors; None: BM25 alone.
        vectors: stored, with the row of each function; None: BM25 alone.
        words: likewise; None: the model alone.
        encoded: number of texts that were encoded now.
        damaged: folders of the memory that were damaged, and were made anew.
    """

    functions: tuple[Listed, ...]
    encoder: TextEncoder | None
    vectors: tuple[StoredRows, NDArray[np.int64]] | None
    words: tuple[StoredRows, NDArray[np.int64]] | None
    encoded: int
    damaged: tuple[Path, ...]

    def search(self, text: str, most: int) -> list[Hit]:
        """Find the functions that answer a query, the best first; BM25 alone needs shared words.

        Args:
            text: the query.
            most: number of hits.

        Raises:
            SetupError: the model gives no usable vector.
        """
        similarity = self._similarity(text)
        bm25 = None if self.words is None else bm25_scores(text, *self.words)
        found = [one for one in (similarity, bm25) if one is not None]
        scores = found[0] if len(found) == 1 else fused(*found)
        best = np.argsort(-scores, kind="stable")[:most]
        if similarity is None:
            best = best[scores[best] > 0]
        return [
            Hit(
                self.functions[row],
                next(codes_of([self.functions[row]])),
                float(scores[row]),
                None if similarity is None else float(similarity[row]),
                None if bm25 is None else float(bm25[row]),
            )
            for row in best.tolist()
        ]

    def _similarity(self, text: str) -> Scores | None:
        if self.encoder is None or self.vectors is None:
            return None
        stored, rows = self.vectors
        query = self.encoder.query(text)
        _require_finite(query[None], self.encoder, "the query")
        compare = SIMILARITIES[self.encoder.similarity]
        parts = [compare(_vectors_of(one), query) for one in stored.segments]
        return np.concatenate(parts)[rows].astype(np.float64)


def code_index(
    listing: Listing,
    memory: Path,
    encoder: TextEncoder | None,
    *,
    with_bm25: bool,
    progress: Progress,
) -> CodeIndex:
    """Index functions; only texts that are new to the memory are encoded and counted.

    Args:
        listing: the functions.
        memory: folder that keeps vectors and words by the digest of their text.
        encoder: gives the vectors; None: BM25 alone.
        with_bm25: whether to count words.
        progress: is told the phase, how much is done, and how much there is.

    Raises:
        SetupError: the model gives vectors that are no numbers.
        DataError: all files change meanwhile.
        OSError: the memory cannot be written.
    """
    vectors = words = None
    if encoder is not None:
        vectors = filled_rows(_vectors(memory, encoder), listing.functions, progress=progress)
    if with_bm25:
        kind = RowKind(memory, memory / "words" / _WORDS, ARRAYS, word_arrays, "counting words")
        words = filled_rows(kind, listing.functions, progress=progress)
    filled = [one for one in (vectors, words) if one is not None]
    kept = tuple(
        one
        for one in listing.functions
        if all(one.function.digest in each.stored.rows for each in filled)
    )
    if not kept:
        raise DataError("every file has changed since it was read", "ask again")
    return CodeIndex(
        functions=kept,
        encoder=encoder,
        vectors=_rows_of(kept, vectors),
        words=_rows_of(kept, words),
        encoded=0 if vectors is None else vectors.made,
        damaged=tuple(path for each in filled for path in each.damaged),
    )


def fused(*scores: Scores) -> Scores:
    """Fuse rankings of the same candidates by reciprocal rank, ties averaged.

    >>> fused(np.array([0.9, 0.1]), np.array([3.0, 7.0])).round(4).tolist()
    [0.0325, 0.0325]
    """
    found: Scores = np.sum([1 / (K + _ranks(one)) for one in scores], axis=0)
    return found


def _ranks(scores: Scores) -> Scores:
    """Rank from 1, the highest score first; equal ones share the mean of their places."""
    _, places, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    found: Scores = (counts.cumsum() - (counts - 1) / 2)[places]
    return found


def _vectors(memory: Path, encoder: TextEncoder) -> RowKind:
    def make(texts: Sequence[str], languages: Sequence[str], done: Callable[[int], None]) -> Arrays:
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))  # little padding
        parts = []
        for start in range(0, len(order), _BATCH):
            done(start)
            part = order[start : start + _BATCH]
            spoken = [languages[place] for place in part]
            parts.append(encoder.codes([texts[place] for place in part], spoken))
            _require_finite(parts[-1], encoder, "functions")
        return {"vectors": np.concatenate(parts)[np.argsort(order)]}

    folder = memory / "vectors" / cache_key("model", digest=encoder.digest)
    return RowKind(memory, folder, ("vectors",), make, f"{encoder.name}: encoding functions")


def _vectors_of(segment: Segment) -> Vectors:
    found: Vectors = segment.arrays["vectors"]  # type: ignore[assignment]  # stored as float32
    return found


def _rows_of(
    functions: Sequence[Listed], filled: FilledRows | None
) -> tuple[StoredRows, NDArray[np.int64]] | None:
    if filled is None:
        return None
    rows = filled.stored.rows
    return filled.stored, np.array([rows[one.function.digest] for one in functions], np.int64)


def _require_finite(vectors: Vectors, encoder: TextEncoder, what: str) -> None:
    broken = int((~np.isfinite(vectors).all(axis=1)).sum())
    if broken:
        raise SetupError(
            f"{encoder.name}: {broken} of {len(vectors)} vectors of {what} hold NaN or infinity",
            "take another copy of the model: it has diverged, or its file is damaged",
        )
