"""Hard negatives in training: candidates of every query for every loss, made once."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch

from softnce.config.file import validated
from softnce.config.sections.method import LossName
from softnce.encoders.encoder import Encoder
from softnce.errors import ConfigError, DataError
from softnce.inputs.estimators import build_estimator, known_duplicates
from softnce.inputs.frozen_models import vectors_key
from softnce.inputs.prepare import prepare
from softnce.training.gather import Workers
from softnce.training.loop import Run, _objective, _started, epochs, loader_of, texts_of
from softnce.training.step import Batch
from softnce.weights.bm25 import BM25Estimator, terms
from tests.softnce.training.hard_negatives.small_runs import (
    BATCH,
    CPU,
    EACH,
    ESTIMATORS,
    candidate_rows,
    config_with,
)

# --- the loss


@pytest.mark.parametrize("loss", ["infonce", "soft-infonce"])
def test_the_loss_is_that_of_the_paper_with_hard_negatives_among_the_candidates(
    minilm, pairs, prepared, tmp_path, loss
):
    config = config_with(
        minilm, loss__name=loss, weights__scale="raw", weights__bm25__documents="codes"
    )
    run = _started(config, prepared, tmp_path, Workers(), CPU)
    (batch,) = loader_of(run).prefetched(loader_of(run).drawn(1)[:1])
    found = _objective(run).outcome(run.encoder, texts_of(prepared), batch).loss.detach()
    drawn = [pairs.train[row] for row in batch.rows.tolist()]
    wanted = slow_loss(run, drawn, config)
    assert float(found) == pytest.approx(wanted, rel=1e-5)


def slow_loss(run: Run, drawn, config) -> float:
    """Sum Eq. 3 and 4 in loops over N = 3 x 8 candidates, relevance by BM25 against the codes."""
    codes = [pair.code for pair in drawn] + [code for pair in drawn for code in pair.negatives]
    queries = [pair.query for pair in drawn]
    encoded = [run.encoder.encode_all(run.encoder.tokenize(texts)) for texts in (queries, codes)]
    logits = (encoded[0] @ encoded[1].T).double().numpy() / config.loss.temperature
    asked = [terms(text) for text in queries]
    scores = BM25Estimator(asked, documents=[terms(text) for text in codes]).relevance(
        torch.arange(len(queries)), torch.arange(len(codes))
    )
    size, total = len(codes), 0.0
    assert size == BATCH * (1 + EACH)
    for i in range(len(queries)):
        others = [j for j in range(size) if j != i]
        blame = np.exp([float(scores[i, j]) for j in others])
        weights = np.maximum((1 - blame / blame.sum()) / (1 - 1 / (size - 1)), 0.1)
        if config.loss.name == "infonce":
            weights = np.ones_like(weights)
        partition = np.exp(logits[i, i]) + sum(weights * np.exp(logits[i, others]))
        total += np.log(partition) - logits[i, i]
    return total / len(queries)


@pytest.mark.parametrize("scale", ["raw", "standardised"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_estimator_weighs_them(minilm, prepared, tmp_path, estimator, scale):
    config = config_with(minilm, weights__estimator=estimator, weights__scale=scale)
    (report,) = epochs(config, prepared, tmp_path)
    assert np.isfinite(report["loss"])
    assert report["weight_spread"] > 0


@pytest.mark.parametrize(
    ("loss", "symmetric"),
    [*((name, False) for name in get_args(LossName)), ("infonce", True), ("soft-infonce", True)],
)
def test_every_loss_takes_them(minilm, prepared, tmp_path, loss, symmetric):
    config = config_with(minilm, loss__name=loss, loss__symmetric=symmetric)
    (report,) = epochs(config, prepared, tmp_path)
    assert np.isfinite(report["loss"])


def test_pooled_chunks_of_a_transformer_hold_them(minilm, pairs, tmp_path):
    config = config_with(minilm, encoder__kind="transformer", encoder__model=str(minilm))
    made = prepare(config, pairs, tmp_path / "cache", tell=lambda _: None)
    run = _started(config, made, tmp_path / "run", Workers(), CPU)
    run.encoder.model.eval()
    rows, texts = np.array([5, 0, 7]), texts_of(made)
    found = _objective(run)._encoded(run.encoder, texts, Batch(rows, None))
    wanted = [
        [text for row in rows for text in of(pairs.train[row])]
        for of in (
            lambda pair: [pair.query],
            lambda pair: [pair.code],
            lambda pair: pair.negatives,
        )
    ]
    assert [len(part) for part in found] == [3, 3, 6]
    for part, own in zip(found, wanted, strict=True):
        alone = run.encoder.encode_all(run.encoder.tokenize(own))
        torch.testing.assert_close(part.detach(), alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("loss", ["soft-infonce", "kl-infonce", "top-k"])
@pytest.mark.parametrize("estimator", ["bm25", "duplicates", "self"])
def test_identical_and_empty_ones_train_without_nan(minilm, pairs, tmp_path, loss, estimator):
    same = [replace(p, query="read it", code="x", negatives=("y", "...")) for p in pairs.train]
    some = replace(pairs, train=tuple(same[:BATCH]))
    config = config_with(minilm, loss__name=loss, weights__estimator=estimator)
    made = prepare(config, some, tmp_path / "cache", tell=lambda _: None)
    (report,) = epochs(config, made, tmp_path / "run")
    assert np.isfinite(report["loss"])


def test_a_querys_own_hard_negative_is_no_duplicate_but_anothers_may_be(minilm, pairs, tmp_path):
    near = [replace(pair, negatives=(f"{pair.code}\n", pair.code + " ")) for pair in pairs.train]
    near[1] = replace(near[1], negatives=(near[0].code, "def other(): pass"))
    some = replace(pairs, train=tuple(near))
    config = config_with(minilm, weights__estimator="duplicates")
    made = prepare(config, some, tmp_path, tell=lambda _: None)
    rows = torch.tensor([0, 1])
    scores = build_estimator(config.weights, made, CPU).relevance(rows, candidate_rows(made, rows))
    assert scores[0, 2:4].tolist() == [0, 0]
    assert scores[0, 4] == 1
    assert scores[1, 4:].tolist() == [0, 0]


def test_a_function_among_the_hard_negatives_of_another_query_can_be_promoted(
    minilm, pairs, tmp_path
):
    words = [f"{one}{other}" for one in "abcdefgh" for other in "klmnopqr"]
    alone = tuple(
        replace(pair, query=f"find {word}", code=f"def {word}_{word}(z):\n    {word} = z * {row}")
        for row, (pair, word) in enumerate(zip(pairs.train, words, strict=False))
    )
    count = len(alone)
    known = [
        tuple(replace(one, negatives=codes) for one, codes in zip(alone, given, strict=True))
        for given in (
            [(alone[(row + 1) % count].code, f"x_{row} = {row}") for row in range(count)],
            [(f"y_{words[row]} = {row}", f"x_{row} = {row}") for row in range(count)],
        )
    ]
    config = config_with(minilm, loss__name="infonce", loss__duplicates="promote")
    for number, train in enumerate(known):
        some = replace(pairs, train=train)
        made = prepare(config, some, tmp_path, tell=lambda _: None)
        if number == 0:
            assert known_duplicates(made, what="promote").name == "duplicates"
        else:
            with pytest.raises(DataError, match="no duplicates among"):
                known_duplicates(made, what="promote")


# --- made once


@pytest.mark.parametrize("estimator", ["teacher", "simcse", "mixture"])
def test_a_second_trial_tokenises_and_forwards_nothing_for_them(
    minilm, pairs, prepared, tmp_path, monkeypatch, estimator
):
    config = config_with(minilm, weights__estimator=estimator)
    forwards, forward = [], Encoder._forward

    def counted(self, tokens):
        forwards.append(type(self).__name__)
        return forward(self, tokens)

    def refused(*_):
        raise AssertionError("tokenised again")

    monkeypatch.setattr(Encoder, "_forward", counted)
    monkeypatch.setattr("softnce.encoders.static.StaticEncoder.tokenize", refused)
    cache = type(tmp_path)(prepared.cache)
    again = prepare(config, pairs, cache, tell=refused, models=ESTIMATORS)
    assert replace(again, vectors=prepared.vectors) == prepared
    (report,) = epochs(config, prepared, tmp_path)
    timed = 1 + len(prepared.table("valid"))  # queries, one by one, after the last epoch
    # the student's own, and two to evaluate it
    assert len(forwards) == report["steps"] + 2 + timed
    assert set(forwards) == {"StaticEncoder"}


def test_another_number_of_them_shares_no_tokens_or_vectors(minilm, pairs, prepared, tmp_path):
    one = replace(pairs, train=tuple(replace(p, negatives=p.negatives[:1]) for p in pairs.train))
    config = config_with(minilm, data__negatives=1)
    other = prepare(config, one, tmp_path, tell=lambda _: None, models=ESTIMATORS)
    assert not {other.tokens, other.terms, other.groups} & {
        prepared.tokens,
        prepared.terms,
        prepared.groups,
    }
    assert vectors_key("teacher", config, other) != prepared.vectors["teacher"]


def test_vectors_without_theirs_are_refused(minilm, prepared):
    config = config_with(minilm, weights__estimator="teacher")
    more = replace(prepared, negatives=EACH + 1)
    with pytest.raises(DataError, match="they belong to other data; delete the folder"):
        build_estimator(config.weights, more, CPU)


# --- bad input


def test_pairs_that_were_read_without_them_are_refused(minilm, pairs, tmp_path):
    bare = replace(pairs, train=tuple(replace(p, negatives=()) for p in pairs.train))
    said = "has 0 hard negatives, data.negatives is 2; read the pairs with negatives=2"
    with pytest.raises(DataError, match=said):
        prepare(config_with(minilm), bare, tmp_path, tell=lambda _: None)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"data": {"mine": ["x"], "negatives": 1}}, "mined pairs come without hard negatives"),
        ({"data": {"path": "x", "negatives": -1}}, "data.negatives: input should be greater"),
        (
            {"data": {"path": "x", "negatives": 1}, "weights": {"alpha": 3.0}},
            "alpha=3 with beta=1 needs more than 3 negatives per query, the batch has 3",
        ),
        (
            {"data": {"path": "x", "negatives": 1}, "loss": {"name": "top-k", "top_k": 3}},
            "loss.top_k=3 leaves none of 3 negatives",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused_with_a_sentence(sections, said):
    with pytest.raises(ConfigError, match=said):
        validated({"optim": {"batch_size": 2}, **sections})


@pytest.mark.parametrize(
    "sections", [{"weights": {"alpha": 2.9}}, {"loss": {"name": "top-k", "top_k": 2}}]
)
def test_they_count_among_the_negatives_that_a_batch_needs(sections):
    data = {"path": "x", "negatives": 1}
    assert validated({"data": data, "optim": {"batch_size": 2}, **sections}).negatives == 3
    with pytest.raises(ConfigError, match=r"the batch has 1|none of 1 negatives"):
        validated({"data": {"path": "x"}, "optim": {"batch_size": 2}, **sections})
