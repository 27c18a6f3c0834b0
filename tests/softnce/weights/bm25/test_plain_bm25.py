"""The engine rank_bm25: the fast one's equal for okapi, and the package's own word for the rest."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from softnce.errors import DataError
from softnce.weights.bm25 import BM25Estimator
from softnce.weights.plain_bm25 import PLAIN, PlainBM25Estimator
from tests.softnce.weights.bm25.test_bm25 import TEXTS, all_rows
from tests.softnce.weights.test_contract import TEXTS as SENTENCES
from tests.softnce.weights.test_contract import contracts, terms

texts_with_a_term = st.lists(
    st.lists(st.sampled_from("abcdefgh"), min_size=0, max_size=12), min_size=1, max_size=12
).filter(any)


class TestPlainBM25(contracts.EstimatorContract):
    @pytest.fixture(params=PLAIN)
    def estimator(self, request):
        return PlainBM25Estimator([terms(text) for text in SENTENCES], variant=request.param)


def scores(texts, **options):
    return PlainBM25Estimator(texts, **options).relevance(all_rows(texts), all_rows(texts))


@given(texts_with_a_term, st.data())
@settings(deadline=None, max_examples=60)
def test_okapi_is_that_of_the_fast_engine(texts, data):
    document = st.lists(st.sampled_from("efghijkl"), min_size=1, max_size=12)
    documents = data.draw(st.lists(document, min_size=len(texts), max_size=len(texts) + 4))
    queries, candidates = all_rows(texts), all_rows(documents)
    plain, fast = (
        engine(texts, documents=documents).relevance(queries, candidates)
        for engine in (PlainBM25Estimator, BM25Estimator)
    )
    torch.testing.assert_close(plain, fast, rtol=0, atol=1e-9)


def test_a_large_batch_has_the_scores_of_the_fast_engine():
    generator = np.random.default_rng(1)
    texts = [
        generator.zipf(1.3, size=generator.integers(1, 30)).clip(max=5000).tolist()
        for _ in range(200)
    ]
    rows = torch.from_numpy(generator.permutation(200)[:64])
    plain, fast = (
        engine(texts).relevance(rows[:20], rows) for engine in (PlainBM25Estimator, BM25Estimator)
    )
    torch.testing.assert_close(plain, fast, rtol=0, atol=1e-9)


def slow(variant, query, document, corpus):
    """Sum the formula of Trotman et al. for one pair, with the package's constants."""
    norm = 0.25 + 0.75 * len(document) / (sum(map(len, corpus)) / len(corpus))
    total = 0.0
    for term in query:
        holders = sum(term in one for one in corpus)
        count = document.count(term)
        if not holders:
            continue
        if variant == "bm25l":
            idf, scaled = math.log((len(corpus) + 1) / (holders + 0.5)), count / norm
            total += idf * count * 2.5 * (scaled + 0.5) / (1.5 + scaled + 0.5)
        else:
            idf = math.log((len(corpus) + 1) / holders)
            total += idf * (1 + count * 2.5 / (1.5 * norm + count))
    return total


@pytest.mark.parametrize("variant", ["bm25l", "bm25plus"])
def test_the_variants_are_the_packages_on_the_corpus_of_the_batch(variant):
    rows = torch.tensor([4, 0, 2])
    found = PlainBM25Estimator(TEXTS, variant=variant).relevance(rows, rows)
    corpus = [TEXTS[row] for row in rows.tolist()]
    wanted = [[slow(variant, query, document, corpus) for document in corpus] for query in corpus]
    torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.float64), rtol=0, atol=1e-9)


@pytest.mark.parametrize("variant", PLAIN)
@pytest.mark.parametrize("texts", [[], [[]], [[], []], [["a"]], [["a"], []], [["a", "b"]] * 4])
def test_odd_batches_give_finite_scores_without_warnings(texts, variant):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = scores(texts, variant=variant)
    assert found.shape == (len(texts), len(texts))
    assert found.isfinite().all()


def test_documents_that_do_not_match_the_queries_are_refused():
    with pytest.raises(DataError, match="5 queries but 1 documents"):
        PlainBM25Estimator(TEXTS, documents=[["a"]])
