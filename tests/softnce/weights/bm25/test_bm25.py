"""BM25 against rank_bm25, worked examples, and the batches that make a naive BM25 divide by 0.

The worked examples are the formula evaluated in float64 by a separate script, to ten digits.
"""

import pickle
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rank_bm25 import BM25Okapi
from torch import Tensor

from softnce.errors import ConfigError, DataError
from softnce.losses.infonce import info_nce, soft_info_nce
from softnce.weights.bm25 import VARIANTS, BM25Estimator, terms
from softnce.weights.weighting import negative_weights
from tests.worked import DIGITS, double

TEXTS = [
    [10, 11, 12, 10],
    [10, 13],
    [14, 15, 16, 11],
    [17, 18],
    [10, 19, 20, 21, 22],
]
OFFICIAL = [  # mean length 5.4: two special terms counted per text
    [0.6072738419, -0.9064150048, 0.3763926715, 0, -0.6939739880],
    [-0.4990374745, 1.0265559885, 0, 0, -0.3469869940],
    [0.3763926715, 0, 4.0632610301, 0, 0],
    [0, 0, 0, 2.9595269817, 0],
    [-0.4990374745, -0.4532075024, 0, 0, 4.1847886967],
]
OFFICIAL_CONTENT = [  # mean length 3.4
    [0.4569124118, -0.8092644148, 0.3138169987, 0, -0.5643076973],
    [-0.4407727373, 0.9165285513, 0, 0, -0.2821538486],
    [0.3138169987, 0, 3.3877396618, 0, 0],
    [0, 0, 0, 2.6423215174, 0],
    [-0.4407727373, -0.4046322074, 0, 0, 3.4028775053],
]
LUCENE = [  # mean length 3.4
    [3.5216267629, 1.2963645741, 0.8165219645, 0, 0.9039672254],
    [0.7060759764, 2.3153015509, 0, 0, 0.4519836127],
    [0.8165219645, 0, 4.6953805011, 0, 0],
    [0, 0, 0, 3.3342385277, 0],
    [0.7060759764, 0.6481822871, 0, 0, 5.1019754608],
]

batches = st.lists(
    st.lists(st.sampled_from("abcdefgh"), min_size=0, max_size=12), min_size=1, max_size=12
).filter(any)


def all_rows(texts: list) -> Tensor:
    return torch.arange(len(texts))


def scores(texts: list, **options) -> Tensor:
    rows = all_rows(texts)
    return BM25Estimator(texts, **options).relevance(rows, rows)


def rank_bm25_scores(queries: list, documents: list) -> Tensor:
    corpus = BM25Okapi(documents)
    return torch.from_numpy(np.stack([corpus.get_scores(query) for query in queries]))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"variant": "official", "average_length": 5.4}, OFFICIAL),
        ({"variant": "official", "average_length": 3.4}, OFFICIAL_CONTENT),
        ({"variant": "official"}, OFFICIAL_CONTENT),
        ({"variant": "lucene"}, LUCENE),
        ({"variant": "lucene", "average_length": 3.4}, LUCENE),
    ],
)
def test_scores_have_the_worked_values(options, expected):
    torch.testing.assert_close(scores(TEXTS, **options), double(expected), rtol=0, atol=DIGITS)


def test_weights_from_scores_have_the_worked_values():
    relevance = scores(TEXTS, variant="official", average_length=5.4)
    weights = negative_weights(relevance, alpha=1.5, beta=0.5, temperature=1)
    expected = [
        [1, 2.5574976872, 0.1, 0.4291833344, 2.2160672460],
        [1.8015894953, 1, 0.3789208979, 0.3789208979, 1.4405687089],
        [0.1, 1.3076175819, 1, 1.3076175819, 1.3076175819],
        [1, 1, 1, 1, 1],
        [1.7532998087, 1.6479376707, 0.2993812603, 0.2993812603, 1],
    ]
    torch.testing.assert_close(weights, double(expected), rtol=0, atol=1e-9)


def test_loss_from_texts_has_the_worked_value():
    """Logits are 1 on the diagonal, 0.1 (i - j) + 0.05 i j elsewhere."""
    steps = torch.arange(5, dtype=torch.float64)
    i, j = torch.meshgrid(steps, steps, indexing="ij")
    logits = (0.1 * (i - j) + 0.05 * i * j).fill_diagonal_(1.0)
    relevance = scores(TEXTS, variant="official", average_length=5.4)
    weights = negative_weights(relevance, alpha=1.5, beta=0.5, temperature=1)
    answers = torch.arange(5)
    assert info_nce(logits, answers).item() == pytest.approx(1.0242444508, abs=1e-9)
    assert soft_info_nce(logits, weights, answers).item() == pytest.approx(1.0500765511, abs=1e-9)


@given(batches)
@settings(deadline=None, max_examples=100)
def test_okapi_agrees_with_rank_bm25(texts):
    torch.testing.assert_close(scores(texts), rank_bm25_scores(texts, texts), rtol=0, atol=1e-9)


@given(batches, st.data())
@settings(deadline=None, max_examples=50)
def test_the_corpus_is_the_candidates_of_the_batch(texts, data):
    row = st.integers(0, len(texts) - 1)
    columns = data.draw(
        st.lists(row, min_size=1, max_size=9).filter(lambda rows: any(texts[r] for r in rows))
    )
    rows = data.draw(st.lists(row, min_size=1, max_size=5))
    found = BM25Estimator(texts).relevance(torch.tensor(rows), torch.tensor(columns))
    expected = rank_bm25_scores([texts[r] for r in rows], [texts[c] for c in columns])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)


@given(batches, st.data())
@settings(deadline=None, max_examples=50)
def test_queries_can_be_matched_with_other_documents(texts, data):
    document = st.lists(st.sampled_from("efghijkl"), min_size=1, max_size=12)
    documents = data.draw(st.lists(document, min_size=len(texts), max_size=len(texts)))
    found = scores(texts, documents=documents)
    expected = rank_bm25_scores(texts, documents)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)


def test_a_large_batch_agrees_with_rank_bm25():
    generator = np.random.default_rng(0)
    texts = [
        generator.zipf(1.3, size=generator.integers(1, 30)).clip(max=5000).tolist()
        for _ in range(300)
    ]
    rows = torch.from_numpy(generator.permutation(300)[:128])
    chosen = [texts[row] for row in rows.tolist()]
    found = BM25Estimator(texts).relevance(rows, rows)
    torch.testing.assert_close(found, rank_bm25_scores(chosen, chosen), rtol=0, atol=1e-9)


def test_a_part_of_the_queries_gets_the_rows_of_the_whole_batch():
    estimator = BM25Estimator(TEXTS)
    whole = estimator.relevance(all_rows(TEXTS), all_rows(TEXTS))
    part = estimator.relevance(torch.tensor([3, 4]), all_rows(TEXTS))
    assert part.equal(whole[3:])


def test_batch_order_does_not_matter():
    order = torch.tensor([3, 0, 4, 2, 1])
    found = BM25Estimator(TEXTS).relevance(order, order)
    torch.testing.assert_close(found, scores(TEXTS)[order][:, order])


def test_repeated_query_terms_count_again():
    once = scores([["a", "b"], ["a"], ["c"]])[1]
    twice = scores([["a", "b"], ["a", "a"], ["c"]])[1]
    assert twice[1] > once[1]


def test_texts_outside_the_batch_do_not_matter():
    rows = all_rows(TEXTS)
    found = BM25Estimator([*TEXTS, [10, 10, 99]]).relevance(rows, rows)
    assert found.equal(scores(TEXTS))


def test_official_takes_its_mean_length_from_the_training_set():
    """17 terms in the batch and 10 outside it, in 6 texts: 4.5."""
    rows = all_rows(TEXTS)
    found = BM25Estimator([*TEXTS, list(range(10))], variant="official").relevance(rows, rows)
    assert found.equal(scores(TEXTS, variant="official", average_length=4.5))


def test_official_scores_sharing_a_common_term_below_sharing_nothing():
    assert scores(TEXTS, variant="official")[0, 1] < scores(TEXTS, variant="official")[0, 3]


@given(batches)
@settings(deadline=None, max_examples=50)
def test_lucene_scores_are_never_negative(texts):
    assert scores(texts, variant="lucene").min() >= 0


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    "texts",
    [
        [[]],
        [[], []],
        [["a"]],
        [["a"], []],
        [["a", "b"]] * 4,
        [["a", "a", "a"], ["a"]],
    ],
)
def test_odd_batches_give_finite_scores_without_warnings(texts, variant):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert scores(texts, variant=variant).isfinite().all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_text_without_terms_scores_zero_with_everything(variant):
    found = scores([["a", "b"], [], ["c"]], variant=variant)
    assert found[1].tolist() == found[:, 1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("variant", VARIANTS)
def test_texts_all_without_terms_score_zero(variant):
    assert scores([[], [], []], variant=variant).tolist() == torch.zeros(3, 3).tolist()


@pytest.mark.parametrize("variant", VARIANTS)
def test_identical_texts_score_alike(variant):
    found = scores([["a", "b"]] * 4, variant=variant)
    assert found.unique().numel() == 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_texts_give_no_scores(variant):
    assert scores([], variant=variant).shape == (0, 0)


def test_scores_are_float64():
    assert scores(TEXTS).dtype == torch.float64


def test_an_estimator_travels_to_a_worker():
    estimator = pickle.loads(pickle.dumps(BM25Estimator(TEXTS)))
    assert estimator.relevance(all_rows(TEXTS), all_rows(TEXTS)).equal(scores(TEXTS))


def test_documents_that_do_not_match_the_queries_are_refused():
    with pytest.raises(DataError, match="5 queries but 1 documents"):
        BM25Estimator(TEXTS, documents=[["a"]])


@pytest.mark.parametrize("length", [0, -1.0, float("nan")])
def test_a_mean_length_of_nothing_is_refused(length):
    with pytest.raises(ConfigError, match=f"average_length={length} must be above 0"):
        BM25Estimator(TEXTS, average_length=length)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("Parse JSON, then parse_it!", ["parse", "json", "then", "parse_it"]),
        ("Größe über 3", ["größe", "über", "3"]),
    ],
)
def test_terms_are_lower_cased_words(text, expected):
    assert terms(text) == expected
