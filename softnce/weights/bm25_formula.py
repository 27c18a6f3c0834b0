"""What tells one BM25 from another: numbers alone, without torch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
VariantName = Literal["okapi", "official", "lucene"]  # bm25_engines has those of rank_bm25 too


def okapi_idf(document_frequencies: Floats, size: int) -> Floats:
    """Weigh terms as rank_bm25's BM25Okapi does: a negative idf becomes 0.25 of the average."""
    idf = official_idf(document_frequencies, size)
    return np.where(idf < 0, 0.25 * idf.mean(), idf)


def official_idf(document_frequencies: Floats, size: int) -> Floats:
    """Weigh terms by Robertson and Sparck Jones; negative for a term in over half of the texts."""
    return np.log(size - document_frequencies + 0.5) - np.log(document_frequencies + 0.5)


def lucene_idf(document_frequencies: Floats, size: int) -> Floats:
    """Weigh terms as Lucene does, never below 0."""
    return np.log1p((size - document_frequencies + 0.5) / (document_frequencies + 0.5))


@dataclass(frozen=True)
class BM25Formula:
    """What tells one BM25 from another.

    Attributes:
        idf: weight of each term, from the number of batch documents that hold it and their count.
        k1: how slowly repeated terms saturate.
        b: how much long documents are held back, 0 to 1.
        average: which documents' mean length is the norm, unless the caller gives one.
    """

    idf: Callable[[Floats, int], Floats]
    k1: float
    b: float
    average: Literal["batch", "training set"]


VARIANTS: dict[VariantName, BM25Formula] = {
    "okapi": BM25Formula(okapi_idf, k1=1.5, b=0.75, average="batch"),
    "official": BM25Formula(official_idf, k1=1.2, b=0.75, average="training set"),
    "lucene": BM25Formula(lucene_idf, k1=1.2, b=0.75, average="batch"),
}
