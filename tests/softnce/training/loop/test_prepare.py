"""Preparing a small set: once for all that read alike, in the order of its texts."""

import pickle
from dataclasses import replace

import pytest
import torch

from softnce.errors import DataError
from softnce.inputs.estimators import build_estimator
from softnce.inputs.prepare import prepare
from softnce.weights.bm25 import terms
from tests.softnce.training.loop.small_runs import config_with, said

# --- preparing


def test_preparing_again_makes_no_new_file_and_says_nothing(pairs, tmp_path):
    heard = []
    first = prepare(config_with(), pairs, tmp_path, tell=heard.append)
    places = [tmp_path, *tmp_path.rglob("*")]  # a folder's time tells of passing files too
    files = {path: path.stat().st_mtime_ns for path in places}
    again = prepare(config_with(), pairs, tmp_path, tell=heard.append)
    assert again == first
    assert {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.rglob("*")]} == files
    assert len(heard) == 2


@pytest.mark.parametrize(
    ("change", "is_shared"),
    [
        ({"encoder__max_length": 16}, False),
        ({"encoder__dimensions": 8}, True),
        ({"optim__batch_size": 16}, True),
    ],
)
def test_tokens_are_shared_by_all_that_tokenise_alike(pairs, tmp_path, change, is_shared):
    first = prepare(config_with(), pairs, tmp_path, tell=said)
    other = prepare(config_with(**change), pairs, tmp_path, tell=said)
    assert (first.tokens == other.tokens) is is_shared
    assert first.terms == other.terms


def test_other_pairs_share_nothing(pairs, tmp_path):
    fewer = replace(pairs, train=pairs.train[:-1])
    first, other = (prepare(config_with(), one, tmp_path, tell=said) for one in (pairs, fewer))
    assert not {first.tokens, first.terms, first.tokenizer} & {
        other.tokens,
        other.terms,
        other.tokenizer,
    }


def test_tokens_are_those_of_the_texts_in_their_order(pairs, prepared):
    encoder = prepared.encoder(config_with().encoder, seed=0)
    wanted = encoder.tokenize([pair.code for pair in pairs.train])
    assert prepared.table("train_codes").values.tolist() == wanted.values.tolist()
    assert prepared.table("valid").offsets.tolist() == (
        encoder.tokenize(list(pairs.valid.texts)).offsets.tolist()
    )
    assert prepared.answers("valid").tolist() == list(pairs.valid.answers)
    assert len(prepared.table("candidates")) == len(pairs.candidates)


def test_a_set_without_test_queries_is_prepared(pairs, tmp_path):
    bare = replace(pairs, test=replace(pairs.test, texts=(), answers=()))
    made = prepare(config_with(), bare, tmp_path, tell=said)
    assert len(made.table("test")) == 0
    assert made.answers("test").tolist() == []


def test_the_same_word_has_the_same_number_in_queries_and_codes(prepared, pairs):
    config = config_with(weights__bm25__documents="codes", weights__scale="raw")
    rows = torch.arange(40)
    scores = build_estimator(config.weights, prepared, torch.device("cpu")).relevance(rows, rows)
    for row in range(40):
        words = set(terms(pairs.train[row].query))
        for column in range(40):
            is_shared = bool(words & set(terms(pairs.train[column].code)))
            assert bool(scores[row, column] != 0) is is_shared


def test_what_is_prepared_travels_as_itself(prepared):
    assert pickle.loads(pickle.dumps(prepared)) == prepared


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": ()}, "0 training pairs do not fill one batch of 32; lower optim.batch_size"),
        ({"valid": None}, "no validation queries, so nothing can be compared"),
    ],
)
def test_too_few_pairs_are_refused_with_a_way_out(pairs, tmp_path, change, message):
    if "valid" in change:
        change = {"valid": replace(pairs.valid, texts=(), answers=())}
    with pytest.raises(DataError, match=message):
        prepare(config_with(), replace(pairs, **change), tmp_path, tell=said)
