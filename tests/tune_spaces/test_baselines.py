"""What a study is compared with besides InfoNCE, on real pairs and a second opinion."""

import numpy as np
import pytest
import rank_bm25

from softnce.config.file import validated
from softnce.data.pairs import read_pairs
from softnce.inputs.prepare import prepare
from softnce.training.scoring import reciprocal_ranks
from softnce.weights.bm25 import terms
from tune_spaces.preparation.baselines import store_baselines, stored_baselines


@pytest.fixture(scope="module")
def pairs(made_pairs):
    return read_pairs(made_pairs)


@pytest.fixture(scope="module")
def measured(pairs, made_pairs, tmp_path_factory):
    root = tmp_path_factory.mktemp("study")
    config = validated(
        {"data": {"path": str(made_pairs)}, "encoder": {"vocabulary": 600, "dimensions": 32}}
    )
    prepared = prepare(config, pairs, root / "cache", tell=lambda _: None)
    store_baselines(root, config, prepared, pairs, tell=print)
    return root, config, prepared


def test_the_encoder_before_training_is_scored_as_a_trial_begins(measured):
    root, config, prepared = measured
    encoder = prepared.encoder(config.encoder, seed=config.optim.seed)
    wanted = reciprocal_ranks(encoder, prepared, "valid").mean()
    assert stored_baselines(root)["encoder before training"]["mrr"] == pytest.approx(wanted)


def test_bm25_ranks_as_a_plain_loop_over_another_package_does(measured, pairs):
    root, _, _ = measured
    index = rank_bm25.BM25Okapi([terms(text) for text in pairs.candidates])
    ours = stored_baselines(root)["BM25"]["mrr"]
    found = []
    for text, answer in zip(pairs.valid.texts, pairs.valid.answers, strict=True):
        scores = index.get_scores(terms(text))
        equal = np.isclose(scores, scores[answer], rtol=1e-12)
        ahead = (scores > scores[answer]) & ~equal
        found.append(1 / (1 + ahead.sum() + (equal.sum() - 1) / 2))
    assert ours == pytest.approx(np.mean(found), rel=0.1)  # k1 and idf differ


def test_what_is_known_is_not_measured_again(measured, pairs):
    root, config, prepared = measured
    before = (root / "baselines.json").stat().st_mtime_ns
    store_baselines(root, config, prepared, pairs, tell=print)
    assert (root / "baselines.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("text", ["", "[]", '{"BM25": 3}'])
def test_a_damaged_file_counts_as_none(tmp_path, text):
    (tmp_path / "baselines.json").write_text(text)
    assert stored_baselines(tmp_path) == {}
