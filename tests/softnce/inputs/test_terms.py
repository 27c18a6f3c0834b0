"""What counts as a term of BM25: words, the data's own tokens, or the encoder's sub-words."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from softnce.config.config import Config
from softnce.config.file import with_overrides
from softnce.data.pairs import read_pairs
from softnce.inputs.estimators import build_estimator
from softnce.inputs.prepare import prepare
from softnce.inputs.tables import without
from softnce.ragged import ragged
from softnce.training.loop import epochs
from softnce.weights.bm25 import BM25Estimator, terms

BASE = {
    "data": {"path": "pairs.jsonl"},
    "encoder": {"dimensions": 16, "vocabulary": 400, "max_length": 32},
    "optim": {"epochs": 1, "batch_size": 8, "learning_rate": 0.02},
}
ROWS = torch.arange(24)


def config_with(**bm25):
    changes = {f"weights/bm25/{name}": value for name, value in bm25.items()}
    return with_overrides(Config.model_validate(BASE), changes)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    draw, rows = np.random.default_rng(2), []
    for number in range(60):
        words = draw.choice(["Read", "read", "JSON", ".", "getItem", "(", "rows", "of"], 6)
        code = f"def f{number}(rows):\n    return getItem(rows, {number})"
        rows.append({"docstring_tokens": [*words, f"n{number}"], "code": code, "url": f"u{number}"})
    path = tmp_path_factory.mktemp("terms") / "pairs.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return read_pairs(path)


@pytest.fixture(scope="module")
def prepared(pairs, tmp_path_factory):
    return prepare(config_with(), pairs, tmp_path_factory.mktemp("cache"), tell=lambda _: None)


def scores_of(prepared, **bm25):
    estimator = build_estimator(config_with(**bm25).weights, prepared, torch.device("cpu"))
    return estimator.relevance(ROWS, ROWS)


def test_words_are_the_default_and_lower_cased(pairs, prepared):
    wanted = BM25Estimator([terms(pair.query) for pair in pairs.train]).relevance(ROWS, ROWS)
    torch.testing.assert_close(scores_of(prepared), wanted)
    torch.testing.assert_close(scores_of(prepared, tokens="words"), wanted)


def test_docstring_tokens_are_those_of_the_data_as_they_are(pairs, prepared):
    tokens = [pair.query.split(" ") for pair in pairs.train]
    assert {"Read", "read", ".", "("} <= {token for row in tokens for token in row}
    wanted = BM25Estimator(tokens).relevance(ROWS, ROWS)
    torch.testing.assert_close(scores_of(prepared, tokens="docstring_tokens"), wanted)
    assert not torch.allclose(wanted, scores_of(prepared))


def test_subwords_are_the_encoders_tokens_without_its_marks(pairs, prepared):
    encoder = prepared.encoder(config_with().encoder, seed=0)
    rows = [encoder.tokenize([pair.query]).row(0).tolist() for pair in pairs.train]
    rows = [[one for one in row if one not in encoder.special_ids()] for row in rows]
    wanted = BM25Estimator(rows).relevance(ROWS, ROWS)
    torch.testing.assert_close(scores_of(prepared, tokens="subwords"), wanted)


def test_official_takes_subwords_and_counts_the_marks_in_the_mean_length(minilm, pairs, tmp_path):
    encoder = {"encoder/kind": "transformer", "encoder/model": str(minilm)}
    config = with_overrides(config_with(variant="official"), encoder)
    made = prepare(config, pairs, tmp_path, tell=lambda _: None)
    estimator = build_estimator(config.weights, made, torch.device("cpu"))
    ids = [made.table("train_queries").row(row).tolist() for row in range(made.train)]
    assert all((row[0], row[-1]) == (101, 102) for row in ids)  # BERT's begin and end
    average = sum(map(len, ids)) / len(ids)
    wanted = BM25Estimator([row[1:-1] for row in ids], variant="official", average_length=average)
    torch.testing.assert_close(estimator.relevance(ROWS, ROWS), wanted.relevance(ROWS, ROWS))


def test_official_reads_words_where_it_is_told_to(pairs, prepared):
    texts = [terms(pair.query) for pair in pairs.train]
    wanted = BM25Estimator(texts, variant="official").relevance(ROWS, ROWS)
    torch.testing.assert_close(scores_of(prepared, variant="official", tokens="words"), wanted)


@pytest.mark.parametrize("tokens", ["words", "docstring_tokens", "subwords"])
def test_each_kind_of_terms_matches_queries_with_codes_too(prepared, tokens):
    scores = scores_of(prepared, tokens=tokens, documents="codes")
    assert scores.isfinite().all()
    assert (scores != 0).any()


@pytest.mark.parametrize("tokens", ["words", "docstring_tokens", "subwords"])
def test_each_kind_of_terms_trains(prepared, tmp_path, tokens):
    (report,) = epochs(config_with(tokens=tokens), prepared, tmp_path)
    assert np.isfinite(report["loss"])


def test_texts_of_marks_alone_have_no_mean_length_and_score_nothing(pairs, tmp_path):
    empty = replace(pairs, train=tuple(replace(p, query="", code="") for p in pairs.train))
    config = config_with(variant="official")
    made = replace(
        prepare(config, pairs, tmp_path, tell=lambda _: None),
        tokens=prepare(config, empty, tmp_path, tell=lambda _: None).tokens,
    )
    estimator = build_estimator(config.weights, made, torch.device("cpu"))
    assert not estimator.relevance(ROWS, ROWS).any()


def test_rows_lose_exactly_the_ids_that_are_taken_out():
    table = ragged([[5, 1, 7], [], [1, 1], [7]])
    left = without(table, np.array([1]))
    assert [left.row(row).tolist() for row in range(4)] == [[5, 7], [], [], [7]]
