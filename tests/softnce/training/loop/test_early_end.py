"""A run that ends before its last epoch, and one that keeps fewer activations."""

import pytest
from transformers import BertConfig

from softnce.checkpoints.manifest import complete_checkpoint
from softnce.config.file import with_overrides
from softnce.inputs.prepare import prepare
from softnce.training.loop import epochs
from tests.softnce.encoders.test_packing import SHAPE, saved
from tests.softnce.training.loop.small_runs import config_with, said, trained

HOPELESS = {"optim/learning_rate": 1e-9, "optim/patience": 1}  # no epoch is better than the first


def test_a_run_without_progress_ends_complete_and_stays_ended(prepared, tmp_path):
    config = with_overrides(config_with(), HOPELESS)
    reports = trained(config, prepared, tmp_path)
    assert [one["finished"] for one in reports] == [False, True]
    assert complete_checkpoint(tmp_path) is not None
    (again,) = epochs(config, prepared, tmp_path)
    assert (again["epoch"], again["finished"]) == (2, True)


def test_its_learning_rate_falls_as_if_it_went_on(prepared, tmp_path):
    whole = trained(config_with(), prepared, tmp_path / "whole")
    patient = with_overrides(config_with(), {"optim/patience": 3})
    assert trained(patient, prepared, tmp_path / "patient")[0] == whole[0]


def test_layers_that_compute_again_train_the_same_encoder(pairs, tmp_path):
    dropout = BertConfig(**SHAPE, hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.3)
    model = saved(dropout, tmp_path / "model")
    changes = {
        "encoder/kind": "transformer", "encoder/model": model, "encoder/max_length": 16,
        "optim/max_steps": 3, "optim/epochs": 2,
    }  # fmt: skip
    config = with_overrides(config_with(), changes)
    made = prepare(config, pairs, tmp_path / "cache", tell=said)
    plain = trained(config, made, tmp_path / "plain")
    again = with_overrides(config, {"optim/gradient_checkpointing": True})
    for one, other in zip(trained(again, made, tmp_path / "again"), plain, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-5)
        assert one["mrr"] == pytest.approx(other["mrr"], abs=1e-6)
