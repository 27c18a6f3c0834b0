"""Weights against human labels: the area under the curve, on made and on real pairs."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from softnce.diagnostics.human_agreement import agreements, auc, judged_pairs
from softnce.diagnostics.requested import (
    RequestedEstimators,
)
from tests.softnce.diagnostics.made_data import BM25, made_pairs_of, set_folder


@pytest.mark.parametrize("seed", range(3))
def test_the_area_agrees_with_scikit_learn(seed):
    draw = np.random.default_rng(seed)
    positive, negative = draw.integers(0, 9, 70) / 2, draw.integers(0, 7, 50) / 2
    labels = [1] * 70 + [0] * 50
    wanted = roc_auc_score(labels, np.concatenate([positive, negative]))
    assert auc(positive, negative) == pytest.approx(wanted, abs=1e-12)


def test_label_0_pairs_about_something_else_are_told_apart(tmp_path):
    pairs = made_pairs_of(set_folder(tmp_path / "set"))
    judged = judged_pairs(tmp_path / "set", pairs, most=60)
    assert sum(one.answers for one in judged) == 60
    found = agreements(judged, BM25, batch_size=30)
    assert [one.compared for one in found] == ["code", "docstring"]
    assert found[0].score > 0.99
    assert found[1].score == pytest.approx(0.5, abs=0.1)  # the docstring is the same for both


def test_without_judged_pairs_nothing_is_compared(tmp_path):
    pairs = made_pairs_of(set_folder(tmp_path / "set", label0=None))
    assert judged_pairs(tmp_path / "set", pairs, most=9) == []
    assert agreements([], BM25, batch_size=8) == []


@pytest.mark.long
@pytest.mark.slow
def test_a_real_model_tells_human_labels_apart(real_data, minilm):
    folder = real_data / "cosqa"
    judged = judged_pairs(folder, made_pairs_of(folder), most=80)
    assert len(judged) == 160
    found = agreements(judged, RequestedEstimators(["bm25"], [str(minilm)]), batch_size=50)
    assert len(found) == 4
    assert all(0.3 < one.score < 0.8 for one in found)
    assert max(one.score for one in found if one.estimator != "bm25") > 0.5
