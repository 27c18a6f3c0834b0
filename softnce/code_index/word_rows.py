"""BM25 over stored words: each text is the checksums of its words, so no vocabulary is kept."""

import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from softnce.code_index.stored_rows import OFFSETS, Arrays, StoredRows
from softnce.ragged import ragged
from softnce.retrieval.words import words
from softnce.weights.bm25_formula import VARIANTS

ARRAYS = ("words", OFFSETS)
_FORMULA = VARIANTS["lucene"]


def word_arrays(
    texts: Sequence[str], languages: Sequence[str], done: Callable[[int], None]
) -> Arrays:
    """Return the words of texts, in any language, as arrays to store."""
    del languages
    done(0)
    known: dict[str, int] = {}
    found = ragged([[_checksum(word, known) for word in words(text)] for text in texts])
    return {"words": found.values, OFFSETS: found.offsets}


def _checksum(word: str, known: dict[str, int]) -> int:
    found = known.get(word)
    if found is None:
        found = known[word] = zlib.crc32(word.encode()) - 2**31  # as a signed number of 32 bits
    return found


def bm25_scores(query: str, stored: StoredRows, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Score codes by BM25 as Lucene has it; the codes are the whole corpus.

    Args:
        query: its words count as often as they stand there.
        stored: words by row.
        rows: (n,) the row of each code.

    Returns:
        (n,) scores; 0 where no word is shared.
    """
    asked, times = np.unique(
        np.array([_checksum(word, {}) for word in words(query)], np.int32), return_counts=True
    )
    lengths, counts = _counted(stored, asked)
    lengths, counts = lengths[rows], counts[:, rows]
    document_frequencies = (counts > 0).sum(axis=1).astype(np.float64)
    idf = _FORMULA.idf(document_frequencies, len(rows))
    average = max(float(lengths.mean()) if len(lengths) else 0.0, 1e-12)
    norm = _FORMULA.k1 * (1 - _FORMULA.b + _FORMULA.b * lengths / average)
    saturated = counts * (_FORMULA.k1 + 1) / np.maximum(counts + norm, 1e-12)
    found: NDArray[np.float64] = (times * idf) @ saturated
    return found


def _counted(
    stored: StoredRows, asked: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (rows,) lengths of all stored texts, and (words, rows) counts of the asked words."""
    lengths, counts = [np.zeros(0)], [np.zeros((len(asked), 0))]
    for segment in stored.segments:
        flat, offsets = segment.arrays["words"], segment.arrays[OFFSETS]
        lengths.append(np.diff(offsets).astype(np.float64))
        found = np.zeros((len(asked), len(offsets) - 1))
        for place, word in enumerate(asked):
            texts = np.searchsorted(offsets, np.flatnonzero(flat == word), side="right") - 1
            found[place] = np.bincount(texts, minlength=len(offsets) - 1)
        counts.append(found)
    return np.concatenate(lengths), np.concatenate(counts, axis=1)
