"""Lexical relevance: BM25 between the texts of one batch, from term counts made once.

Term counts of all texts are one sparse table, built at construction. A batch slices its rows,
scores them against its own document frequencies, and takes one sparse product.
"""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from softnce.errors import ConfigError, DataError
from softnce.shapes import CandidateRows, Number, QueryRows, Relevance
from softnce.weights.bm25_formula import VARIANTS, Floats, VariantName
from softnce.weights.weighting import Estimator

Terms = Sequence[Hashable]

WORD = re.compile(r"\w+")


def terms(text: str) -> list[str]:
    """Cut a text into the words that BM25 matches: lower-cased runs of letters, digits and _.

    >>> terms("Read a JSON file, line by line.")
    ['read', 'a', 'json', 'file', 'line', 'by', 'line']
    """
    return WORD.findall(text.lower())


@final
class BM25Estimator(Estimator):
    """Takes a negative for an unlabelled positive when its text shares rare words with the query.

    The corpus of a batch (document count, document frequencies, mean length) is its candidates.
    Scores are not symmetric. A text without terms scores 0 with everything, itself included; so
    does every text in a batch where none has terms.
    """

    name = "bm25"

    def __init__(
        self,
        texts: Sequence[Terms],
        *,
        documents: Sequence[Terms] | None = None,
        variant: VariantName = "okapi",
        average_length: Number | None = None,
    ) -> None:
        """Count the terms of all texts.

        Args:
            texts: the terms of every query of the training set, by row number.
            documents: the terms queries are matched with, by row number: those of each query's
                own snippet, then those of hard negatives; ``None`` matches queries with queries,
                as the paper's code does.
            variant: a name of ``VARIANTS``.
            average_length: mean document length in terms; ``None`` takes the variant's own.

        Raises:
            DataError: there are fewer documents than texts.
            ConfigError: the average length is not above 0.
        """
        if documents is not None and len(documents) < len(texts):
            raise DataError(
                f"bm25: {len(texts)} queries but {len(documents)} documents",
                "give one each",
            )
        if average_length is not None and not average_length > 0:
            raise ConfigError(f"bm25: average_length={average_length} must be above 0")
        vocabulary: dict[Hashable, int] = {}
        self._queries = _Bags.count(texts, vocabulary)
        self._documents = self._queries if documents is None else _Bags.count(documents, vocabulary)
        self._variant = VARIANTS[variant]
        if average_length is None and self._variant.average == "training set":
            average_length = _mean_length(self._documents.lengths)
        self._average_length = average_length

    def relevance(self, queries: QueryRows, candidates: CandidateRows) -> Relevance:
        """Score every query against every candidate, which are the whole corpus.

        Source: the term count of the query times idf f (k1 + 1) / (f + k1 (1 - b + b dl / avgdl)).

        Args:
            queries: (q,) row numbers of the queries.
            candidates: (c,) row numbers of the documents of the global batch.

        Returns:
            (q, c) scores in float64, on the CPU.
        """
        documents = self._documents.take(candidates.numpy(force=True))
        if not len(documents.terms):
            return torch.zeros(len(queries), len(candidates), dtype=torch.float64)
        occurring = self._queries.take(queries.numpy(force=True))
        corpus, columns = np.unique(documents.terms, return_inverse=True)
        worth = documents.having(columns, self._worth(documents, columns))
        product = occurring.restricted(corpus).table(len(corpus)) @ worth.table(len(corpus)).T
        return torch.from_numpy(product.toarray())

    def _worth(self, documents: "_Bags", columns: NDArray[np.intp]) -> Floats:
        """Work out what one occurrence of a term in a query earns each document that holds it."""
        variant, lengths = self._variant, documents.lengths
        average = self._average_length or _mean_length(lengths)
        idf = variant.idf(np.bincount(columns).astype(np.float64), len(lengths))
        norm = variant.k1 * (1 - variant.b + variant.b * lengths / average)
        counts = documents.counts
        saturated = counts * (variant.k1 + 1) / (counts + np.repeat(norm, documents.sizes))
        return idf[columns] * saturated


@dataclass(frozen=True)
class _Bags:
    """Term counts of many texts, one after another; terms within a text differ."""

    terms: NDArray[np.intp]
    counts: Floats
    sizes: NDArray[np.intp]  # distinct terms of each text
    starts: NDArray[np.intp]  # where each text begins
    lengths: Floats  # all terms of each text, repeats included

    @classmethod
    def count(cls, texts: Sequence[Terms], vocabulary: dict[Hashable, int]) -> "_Bags":
        """Number the terms, adding new ones to the vocabulary, and count them in each text."""
        numbers = (vocabulary.setdefault(term, len(vocabulary)) for text in texts for term in text)
        lengths = np.fromiter(map(len, texts), dtype=np.intp, count=len(texts))
        flat = np.fromiter(numbers, dtype=np.intp, count=int(lengths.sum()))
        ends = np.concatenate([[0], lengths.cumsum()])
        table = sparse.csr_array(
            (np.ones(len(flat)), flat, ends), shape=(len(texts), len(vocabulary))
        )
        table.sum_duplicates()
        return cls(
            terms=table.indices.astype(np.intp),
            counts=table.data,
            sizes=np.diff(table.indptr).astype(np.intp),
            starts=table.indptr[:-1].astype(np.intp),
            lengths=lengths.astype(np.float64),
        )

    def take(self, rows: NDArray[np.integer]) -> "_Bags":
        """Keep these texts, in this order."""
        sizes = self.sizes[rows]
        starts = sizes.cumsum() - sizes
        places = np.arange(sizes.sum()) + np.repeat(self.starts[rows] - starts, sizes)
        return _Bags(self.terms[places], self.counts[places], sizes, starts, self.lengths[rows])

    def having(self, terms: NDArray[np.intp], counts: Floats) -> "_Bags":
        """Give the same texts other terms and counts, place by place."""
        return _Bags(terms, counts, self.sizes, self.starts, self.lengths)

    def restricted(self, corpus: NDArray[np.intp]) -> "_Bags":
        """Renumber terms by their place in the sorted corpus; those outside it count 0 times."""
        places = corpus.searchsorted(self.terms).clip(max=len(corpus) - 1)
        return self.having(places, self.counts * (corpus[places] == self.terms))

    def table(self, width: int) -> sparse.csr_array:
        """Lay the counts out as a sparse (texts, width) table."""
        ends = np.append(self.starts, len(self.terms))
        return sparse.csr_array((self.counts, self.terms, ends), shape=(len(self.sizes), width))


def _mean_length(lengths: Floats) -> float:
    """Average the lengths; 0 where there are no texts."""
    return float(lengths.sum()) / max(len(lengths), 1)
