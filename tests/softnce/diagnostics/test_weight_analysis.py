"""What estimators do to one's own data: views, suspects, mixtures, the floor."""

import numpy as np
import pytest
import torch

from softnce.data.batching import epoch_batches
from softnce.data.pairs import Pair
from softnce.diagnostics.requested import (
    ALONE,
    ComparedTexts,
    RequestedEstimators,
    check,
    estimators,
)
from softnce.diagnostics.weight_analysis import Coefficients, views
from softnce.errors import ConfigError, DataError
from softnce.weights.weighting import negative_weights, standardised
from tests.softnce.diagnostics.made_data import BM25, PLAIN, made


def test_two_queries_for_the_same_are_the_first_suspects():
    (view,) = views(made(40, repeated=3), BM25, PLAIN, batch_size=40, most=20)
    twins = {one.query for one in view.suspects[:6]}
    assert twins == {f"word{i} other{i}" for i in range(3)}
    assert all(one.query == one.other for one in view.suspects[:6])
    assert view.suspects[0].weight == pytest.approx(0.1)


def test_every_negative_of_every_batch_is_counted():
    (view,) = views(made(100), BM25, PLAIN, batch_size=20, most=1)
    assert view.scores.shape == view.weights.shape == (5 * 20 * 19,)


def test_without_alpha_no_negative_is_turned_down():
    plain = Coefficients(alpha=0.0, beta=1.0, temperature=1.0)
    requested = RequestedEstimators(["bm25-lucene"])
    (view,) = views(made(40, repeated=5), requested, plain, batch_size=40, most=1)
    assert np.ptp(view.weights) == 0


def test_each_word_is_its_own_variant():
    queries = ["read a file", "read a table", "count a b c", "write file file"]
    rows, found = torch.arange(4), {}
    for one in estimators(
        RequestedEstimators(["bm25", "bm25-official", "bm25-lucene"]),
        ComparedTexts(queries, queries),
    ):
        found[one.name] = one.relevance(rows, rows)
    assert len(found) == 3
    assert not torch.allclose(found["bm25"], found["bm25-official"])
    assert found["bm25-lucene"].min() >= 0


def test_a_duplicate_is_left_out_and_nothing_else_is_touched():
    pairs = made(40, repeated=3)
    (view,) = views(pairs, RequestedEstimators(["duplicates"]), PLAIN, batch_size=40, most=20)
    assert sorted(view.weights)[:7] == [0.0] * 6 + [1.0]
    assert view.weights.max() == 1
    assert len(view.suspects) == 6
    assert {(one.query == one.other, one.weight, one.share) for one in view.suspects} == {
        (True, 0.0, 1.0)
    }


def test_the_same_functions_are_duplicates_whatever_their_queries_say():
    pairs = [*made(10), Pair("something else", made(1)[0].code, "copy")]
    (view,) = views(pairs, RequestedEstimators(["duplicates"]), PLAIN, batch_size=11, most=20)
    assert {one.query for one in view.suspects} == {"something else", "word0 other0"}


def test_a_document_is_a_duplicate_where_it_repeats_the_query():
    texts = ComparedTexts(
        ["read a file", "count words"], ["f()", "g()"], ["Read a file", "another thing"]
    )
    (built,) = estimators(RequestedEstimators(["duplicates"]), texts)
    rows = torch.arange(2)
    assert built.relevance(rows, rows).tolist() == [[1, 0], [0, 0]]


def test_comments_of_their_language_tell_no_functions_apart():
    codes = ["value = f(a, b)\nreturn value  # the (first)", "value = f(a, b)\nreturn value"]
    rows = torch.arange(2)
    for language, wanted in (("ruby", 1), ("", 0)):
        texts = ComparedTexts(["read a file", "count words"], codes, languages=[language] * 2)
        (built,) = estimators(RequestedEstimators(["duplicates"]), texts)
        assert built.relevance(rows, rows).tolist() == [[1, wanted], [wanted, 1]]


def test_a_mixture_is_the_mean_of_all_others_each_on_one_scale():
    queries = ["read a file", "read a table", "count a b c", "write file file"]
    requested = RequestedEstimators(["mixture", "bm25", "bm25-lucene", "duplicates"])
    *parts, mixture = estimators(requested, ComparedTexts(queries, queries))
    rows = torch.arange(4)
    found = [standardised(one.relevance(rows, rows)).float() for one in parts]
    assert [one.name for one in parts] == ["bm25", "bm25-lucene", "duplicates"]
    torch.testing.assert_close(mixture.relevance(rows, rows), sum(found) / 3)


def test_the_words_that_stand_alone_are_looked_at_unless_others_are_requested():
    check(RequestedEstimators(ALONE))
    with pytest.raises(ConfigError, match="fewer than two"):
        check(RequestedEstimators(["mixture", "bm25"]))


@pytest.mark.parametrize("most", [20, 100])
def test_as_many_suspects_are_named_as_were_requested(most):
    (view,) = views(made(120), BM25, PLAIN, batch_size=120, most=most)
    assert len(view.suspects) == most


def test_raw_scores_are_weighed_as_they_are():
    pairs = made(30, repeated=4)
    raw = Coefficients(alpha=1.0, beta=1.0, temperature=3.0, scale="raw")
    (view,) = views(pairs, BM25, raw, batch_size=30, most=1)
    (row,) = epoch_batches(30, batch_size=30, seed=0, epoch=1).tolist()
    queries = [pairs[one].query for one in row]
    (built,) = estimators(BM25, ComparedTexts(queries, queries))
    scores = built.relevance(torch.arange(30), torch.arange(30))
    wanted = negative_weights(scores, alpha=1.0, beta=1.0, temperature=3.0)
    negative = ~torch.eye(30, dtype=torch.bool)
    np.testing.assert_allclose(view.weights, wanted[negative].numpy())
    np.testing.assert_allclose(view.scores, scores[negative].numpy())


@pytest.mark.parametrize("floor", [0.0, 0.1, 0.4])
def test_no_weight_lies_below_the_floor(floor):
    floored = Coefficients(alpha=1.0, beta=1.0, temperature=0.1, floor=floor)
    (view,) = views(made(40, repeated=5), BM25, floored, batch_size=40, most=1)
    assert view.weights.min() == pytest.approx(floor)


def test_the_domain_and_the_words_are_checked_in_the_library_too():
    with pytest.raises(ConfigError):
        views(made(4), BM25, PLAIN, batch_size=2, most=1)
    with pytest.raises(DataError):
        views(made(4), BM25, PLAIN, batch_size=8, most=1)
