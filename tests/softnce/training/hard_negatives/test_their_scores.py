"""Hard negatives weighed by every estimator: the scores they have, and those filled in."""

import pytest
import torch

from softnce.data.batching import negative_rows
from softnce.inputs.estimators import build_estimator
from softnce.training.gather import Workers
from softnce.training.loop import _objective, _started, loader_of, texts_of
from softnce.weights.bm25 import terms
from tests.softnce.training.hard_negatives.small_runs import (
    BATCH,
    CPU,
    EACH,
    EVERYTHING,
    candidate_rows,
    config_with,
)

# --- what an estimator says of them


def scores_of(minilm, prepared, rows, **changes):
    config = config_with(minilm, **changes)
    estimator = build_estimator(config.weights, prepared, CPU)
    return estimator.relevance(rows, candidate_rows(prepared, rows))


@pytest.mark.parametrize("estimator", ["bm25", "simcse"])
def test_docstrings_speak_for_the_functions_that_have_one(minilm, prepared, estimator):
    rows = torch.tensor([4, 9, 20])
    scores = scores_of(minilm, prepared, rows, weights__estimator=estimator)
    docstrings = prepared.docstring_rows()[candidate_rows(prepared, rows)]
    known = torch.nonzero(docstrings >= 0).flatten()
    assert docstrings.tolist()[:3] == [4, 9, 20]
    assert docstrings.tolist()[4::2] == [-1, -1, -1]  # each second one is nobody's
    if estimator == "simcse":  # a vector says the same in every batch
        table = prepared.frozen_vectors("simcse", "queries")
        wanted = table[rows] @ table[docstrings[known]].T
        torch.testing.assert_close(scores[:, known], torch.from_numpy(wanted), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("estimator", ["bm25", "simcse"])
def test_without_a_docstring_a_hard_negative_scores_the_mean_of_the_others(
    minilm, prepared, estimator
):
    rows = torch.tensor([4, 9, 20])
    scores = scores_of(minilm, prepared, rows, weights__estimator=estimator)
    unknown = prepared.docstring_rows()[candidate_rows(prepared, rows)] < 0
    for place in range(3):
        others = ~unknown
        others[place] = False
        for value in scores[place, unknown].tolist():
            assert value == pytest.approx(float(scores[place, others].mean()), rel=1e-5)


def first_batch(run):
    (batch,) = loader_of(run).prefetched(loader_of(run).drawn(1)[:1])
    return batch


def spread(relevance, counted):
    """Return the standard deviation of the counted columns, each query's own function left out."""
    return float(
        relevance[:, counted][~torch.eye(len(relevance), int(counted.sum())).bool()].std(
            correction=0
        )
    )


def real_ones(prepared, batch):
    candidates = candidate_rows(prepared, torch.from_numpy(batch.rows))
    return prepared.docstring_rows()[candidates] >= 0


@pytest.mark.parametrize("estimator", ["bm25", "simcse"])
def test_only_real_scores_count_in_the_spread(minilm, prepared, tmp_path, estimator):
    config = config_with(minilm, weights__estimator=estimator)
    batch = first_batch(_started(config, prepared, tmp_path, Workers(), CPU))
    real = real_ones(prepared, batch)
    assert int((~real).sum()) > 0
    assert spread(batch.relevance, real) == pytest.approx(1, rel=1e-4)


def test_parts_of_a_mixture_have_the_spread_of_their_real_scores(minilm, prepared, tmp_path):
    shares = {name: float(name in ("bm25", "teacher")) for name in EVERYTHING}
    config = config_with(
        minilm, weights__estimator="mixture", weights__mixture=shares, weights__scale="raw"
    )
    batch = first_batch(_started(config, prepared, tmp_path, Workers(), CPU))
    rows = torch.from_numpy(batch.rows)
    bm25, teacher = (
        scores_of(minilm, prepared, rows, weights__estimator=name) for name in ("bm25", "teacher")
    )
    real = real_ones(prepared, batch)
    wanted = bm25 / spread(bm25, real) + teacher / spread(teacher, torch.ones_like(real))
    torch.testing.assert_close(batch.relevance, wanted.float() / 2, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("others", [("bm25",), ("teacher",)])
def test_a_mixture_with_the_encoder_has_the_spread_of_real_scores(
    minilm, prepared, tmp_path, others
):
    shares = {name: float(name in ("self", *others)) for name in EVERYTHING}
    config = config_with(minilm, weights__estimator="mixture", weights__mixture=shares)
    run = _started(config, prepared, tmp_path, Workers(), CPU)
    batch, objective = first_batch(run), _objective(run)
    encoded = objective._encoded(run.encoder, texts_of(prepared), batch)
    relevance = objective._own_relevance(
        encoded[0], torch.cat(encoded[1:]), torch.arange(BATCH), batch
    )
    real = real_ones(prepared, batch)
    counted = real if others == ("bm25",) else torch.ones_like(real)
    assert spread(relevance, counted) == pytest.approx(1, rel=1e-4)


def test_the_teacher_scores_their_own_vectors(minilm, prepared):
    rows = torch.tensor([4, 9, 20])
    scores = scores_of(
        minilm, prepared, rows, weights__estimator="teacher", weights__teacher__score="dot"
    )
    queries = prepared.frozen_vectors("teacher", "queries")[rows]
    wrong = prepared.frozen_vectors("teacher", "negatives")[negative_rows(rows.numpy(), EACH)]
    torch.testing.assert_close(scores[:, 3:], torch.from_numpy(queries @ wrong.T))


def test_bm25_against_codes_reads_their_code(minilm, prepared, pairs):
    rows = torch.tensor([4, 9, 20])
    scores = scores_of(minilm, prepared, rows, weights__bm25__documents="codes")
    codes = [pairs.train[row].negatives for row in rows.tolist()]
    for place, row in enumerate(rows.tolist()):
        words = set(terms(pairs.train[row].query))
        for column, code in enumerate(code for own in codes for code in own):
            assert bool(scores[place, 3 + column] != 0) is bool(words & set(terms(code)))
