"""Each loss and each estimator by its configured name, in the real loop."""

import json
from dataclasses import replace
from itertools import product
from typing import get_args

import numpy as np
import pytest
import torch

from softnce.config.file import with_overrides
from softnce.config.sections.method import EstimatorName, LossName
from softnce.data.pairs import read_pairs
from softnce.errors import DataError, RunError
from softnce.inputs import estimators
from softnce.inputs.estimators import build_estimator
from softnce.inputs.prepare import prepare
from softnce.losses.table import LOSSES
from softnce.training.gather import Workers
from softnce.training.loop import _started
from softnce.weights.table import ESTIMATORS
from softnce.weights.weighting import Estimator
from tests.softnce.training.objectives.small_runs import config_with, trained


def test_every_configured_name_has_its_loss_and_estimator():
    assert set(LOSSES) == set(get_args(LossName))
    assert set(ESTIMATORS) == set(get_args(EstimatorName))


OPTIONS = [
    *({"loss__name": name} for name in get_args(LossName)),
    {"loss__name": "infonce", "loss__symmetric": True},
    {"loss__name": "soft-infonce", "loss__symmetric": True},
    {"loss__name": "bce", "loss__bce_negatives": "negatives"},
    {"loss__name": "weighted-infonce", "loss__normalize_target": True},
    {"loss__name": "infonce", "loss__directions": "qc+qq+cc", "loss__duplicates": "mask"},
    {"loss__name": "tilted", "loss__trust_rank": 30, "weights__estimator": "self"},
    {"loss__name": "shifted", "loss__mask": "none", "loss__duplicates": "mask"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_each_loss_trains(minilm, prepared, tmp_path, options):
    reports = trained(config_with(minilm, **options), prepared, tmp_path)
    losses = [report["loss"] for report in reports]
    assert np.isfinite(losses).all()
    if options.get("loss__bce_negatives") != "negatives":  # its positives pull nothing
        assert losses[-1] < losses[0]
    has_weights = options["loss__name"] in ("infonce", "soft-infonce")
    assert ("weight_spread" in reports[0]) is has_weights
    assert np.isfinite(reports[0]["relief"])


@pytest.mark.parametrize(
    "options",
    [
        {"loss__name": "shifted", "loss__directions": "qc+qq+cc"},
        {"loss__name": "tilted", "loss__duplicates": "promote", "weights__estimator": "self"},
    ],
    ids=str,
)
def test_gradient_caching_changes_neither_loss_nor_relief(minilm, prepared, tmp_path, options):
    config = config_with(minilm, **options, optim__epochs=2, optim__max_steps=2)
    cached = with_overrides(config, {"optim/max_tokens_per_pass": 64})
    whole, parts = (
        trained(one, prepared, tmp_path / str(n)) for n, one in enumerate((config, cached))
    )
    for name in ("loss", "relief"):
        assert [one[name] for one in parts] == pytest.approx([one[name] for one in whole], rel=1e-4)


def test_promotion_without_duplicates_is_refused(minilm, tmp_path):
    words = ["alpha", "beta", "gamma", "delta", "omega", "sigma", "kappa", "theta"]
    rows = [
        {"query": f"{one} {other} {number}", "code": f"def {one}_{other}({one}):\n return {number}"}
        for number, (one, other) in enumerate(product(words, words))
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    config = config_with(minilm, loss__name="infonce", loss__duplicates="promote")
    alone = prepare(config, read_pairs(path), tmp_path / "cache", tell=lambda _: None)
    groups = alone.duplicate_groups("codes")
    assert len(groups.unique()) == len(groups)
    with pytest.raises(DataError, match=r"no duplicates among .* promotes nothing"):
        trained(config, alone, tmp_path / "run")


@pytest.mark.parametrize("scale", ["raw", "standardised"])
@pytest.mark.parametrize("loss", ["soft-infonce", "kl-infonce"])
@pytest.mark.parametrize("estimator", ["simcse", "self", "duplicates", "mixture"])
def test_each_estimator_trains(minilm, prepared, tmp_path, estimator, loss, scale):
    options = {"weights__estimator": estimator, "loss__name": loss, "weights__scale": scale}
    config = config_with(minilm, **options, optim__epochs=1, weights__temperature=0.2)
    (report,) = trained(config, prepared, tmp_path)
    assert np.isfinite(report["loss"])
    assert report.get("weight_spread", 1) > 0


def test_estimators_give_different_losses(minilm, prepared, tmp_path):
    found = {}
    for name in get_args(EstimatorName):
        config = config_with(minilm, weights__estimator=name, optim__epochs=1, optim__max_steps=2)
        (report,) = trained(config, prepared, tmp_path / name)
        found[name] = report["loss"]
    assert len(set(found.values())) == len(found)


# --- frozen models


def test_simcse_reports_its_loss_and_keeps_the_last_epoch(made):
    reports = made[1]
    assert [report["epoch"] for report in reports] == [1, 2]
    assert reports[-1]["best_epoch"] == 2
    assert reports[-1]["objective"] == -reports[-1]["loss"]
    assert "mrr" not in reports[-1]
    assert 0 < reports[-1]["loss"] < 1  # two dropout passes of a pretrained model are near


def test_simcse_scores_docstrings_by_their_cosine(minilm, prepared, pairs):
    config = config_with(minilm, weights__estimator="simcse")
    texts = [pair.query for pair in pairs.train]
    rows = torch.arange(30)
    scores = build_estimator(config.weights, prepared, torch.device("cpu")).relevance(rows, rows)
    torch.testing.assert_close(scores.diagonal(), torch.ones(30))
    for row in range(30):
        alike = [column for column in range(30) if texts[column] == texts[row]]
        assert scores[row, alike].min() > 0.999


@pytest.mark.parametrize("scale", ["raw", "standardised"])
def test_a_mixture_of_self_alone_is_self_standardised(minilm, prepared, tmp_path, scale):
    shares = {f"weights/mixture/{name}": 0 for name in ("bm25", "teacher")}
    config = config_with(minilm, weights__estimator="mixture", weights__scale=scale)
    config = with_overrides(config, shares | {"weights/mixture/self": 0.3, "optim/epochs": 1})
    alone = config_with(minilm, weights__estimator="self", optim__epochs=1)
    mixed, own = (
        trained(one, prepared, tmp_path / name) for name, one in (("a", config), ("b", alone))
    )
    assert mixed[0]["loss"] == pytest.approx(own[0]["loss"], rel=1e-4)


def test_the_encoders_own_say_in_a_mixture_makes_a_difference(minilm, prepared, tmp_path):
    losses = set()
    for share in (0.0, 1.0, 50.0):
        changes = {"weights/mixture/self": share, "optim/epochs": 1, "optim/max_steps": 2}
        config = with_overrides(config_with(minilm, weights__estimator="mixture"), changes)
        losses.add(trained(config, prepared, tmp_path / str(share))[0]["loss"])
    assert len(losses) == 3


def test_the_student_may_start_from_the_teacher(minilm, prepared, tmp_path):
    config = config_with(minilm, optim__init_from_teacher=True)
    run = _started(config, prepared, tmp_path, Workers(), torch.device("cpu"))
    wanted = prepared.frozen_weights("teacher")
    assert wanted
    for name, tensor in run.encoder.model.state_dict().items():
        torch.testing.assert_close(tensor, wanted[name])


def test_weights_of_another_shape_are_refused_with_a_sentence(minilm, prepared, tmp_path):
    config = config_with(minilm, optim__init_from_teacher=True, encoder__dimensions=8)
    with pytest.raises(DataError, match="the teacher's weights are those of another encoder"):
        trained(config, prepared, tmp_path)


# --- bad input


def test_scores_that_are_no_numbers_end_the_run(minilm, prepared, tmp_path, monkeypatch):
    class Broken(Estimator):
        name = "bm25"

        def relevance(self, queries, candidates):
            return torch.full((len(queries), len(candidates)), float("nan"))

    monkeypatch.setattr(estimators, "bm25", lambda *_: Broken())
    with pytest.raises(RunError, match="bm25: 256 of 256 scores are NaN or infinite"):
        trained(config_with(minilm), prepared, tmp_path)


@pytest.mark.parametrize(
    ("loss", "estimator"),
    [
        pair
        for pair in product(get_args(LossName), ["bm25", "duplicates", "self"])
        if pair != ("promoted", "duplicates")  # refused: it promotes all of who has none
    ],
)
def test_identical_and_empty_texts_train_without_nan(minilm, pairs, tmp_path, loss, estimator):
    same = [replace(pair, query="read it", code="x = 1") for pair in pairs.train[:16]]
    empty = [replace(pair, query="...", code="\n") for pair in pairs.train[:16]]
    some = replace(pairs, train=(*same, *empty))
    config = config_with(minilm, loss__name=loss, weights__estimator=estimator, optim__epochs=1)
    made = prepare(config, some, tmp_path / "cache", tell=lambda _: None, models=("duplicates",))
    (report,) = trained(config, made, tmp_path / "run")
    assert np.isfinite(report["loss"])
