"""Frozen models: trained, tokenised and run forward once for all trials that read them alike."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from softnce.config.file import with_overrides
from softnce.encoders.encoder import Encoder
from softnce.errors import DataError
from softnce.inputs.estimators import build_estimator
from softnce.inputs.frozen_models import FROZEN_MODELS, is_cached, vectors_key
from softnce.inputs.prepare import prepare
from tests.softnce.training.objectives.small_runs import MODELS, config_with, trained


@pytest.mark.parametrize("estimator", ["teacher", "simcse", "mixture"])
def test_a_second_trial_runs_no_forward_of_a_frozen_model(
    minilm, prepared, tmp_path, estimator, monkeypatch
):
    forwards, forward = [], Encoder._forward

    def counted(self, tokens):
        forwards.append(type(self).__name__)
        return forward(self, tokens)

    monkeypatch.setattr(Encoder, "_forward", counted)
    config = config_with(minilm, weights__estimator=estimator, optim__epochs=1)
    config = with_overrides(config, {"weights/mixture/simcse": 1.0})
    (report,) = trained(config, prepared, tmp_path)
    assert set(forwards) == {"StaticEncoder"}
    timed = 1 + len(prepared.table("valid"))  # queries, one by one, after the last epoch
    # the student's own, and two to evaluate it
    assert len(forwards) == report["steps"] + 2 + timed
    for model in FROZEN_MODELS:
        assert is_cached(model, prepared)


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({"weights__alpha": 0.5}, True),
        ({"optim__learning_rate": 0.5}, True),
        ({"loss__temperature": 0.5}, True),
        ({"weights__simcse__temperature": 0.05}, False),
        ({"weights__simcse__learning_rate": 3e-5}, False),
        ({"weights__simcse__max_length": 8}, False),
        ({"weights__simcse__model": "another/model"}, False),
        ({"optim__seed": 5}, False),
    ],
)
def test_simcse_is_trained_anew_only_when_it_would_be_another(minilm, prepared, change, is_same):
    keys = [
        vectors_key("simcse", one, prepared)
        for one in (config_with(minilm), config_with(minilm, **change))
    ]
    assert (keys[0] == keys[1]) is is_same


def test_other_pairs_share_no_vectors_tokens_or_groups(minilm, pairs, prepared, tmp_path):
    fewer, config = replace(pairs, train=pairs.train[:-1]), config_with(minilm)
    other = prepare(config, fewer, tmp_path, tell=lambda _: None, models=MODELS)
    assert other.simcse != prepared.simcse
    assert other.groups != prepared.groups
    for model in FROZEN_MODELS:
        assert vectors_key(model, config, other) != prepared.vectors[model]


@pytest.mark.parametrize("model", FROZEN_MODELS)
def test_other_weights_in_the_same_folder_share_no_vectors(minilm, pairs, tmp_path, model):
    folder = Path(shutil.copytree(minilm, tmp_path / "model"))
    encoder = {"encoder__kind": "transformer", "encoder__model": str(folder)}
    config = config_with(folder, **encoder)
    keys = []
    for _ in range(2):
        made = prepare(config, pairs, tmp_path / "cache", tell=lambda _: None, models=MODELS)
        keys.append(vectors_key(model, config, made))
        weights = load_file(folder / "model.safetensors")
        weights["embeddings.LayerNorm.bias"] += 0.5
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    again = prepare(config, pairs, tmp_path / "cache", tell=lambda _: None, models=MODELS)
    assert len({*keys, vectors_key(model, config, again)}) == 3


def test_what_no_trial_asks_is_not_prepared(minilm, pairs, tmp_path):
    made = prepare(config_with(minilm), pairs, tmp_path, tell=lambda _: None)
    assert (made.simcse, made.groups, made.vectors) == ("", "", {})


def test_vectors_of_other_data_are_refused(minilm, prepared):
    config = config_with(minilm, weights__estimator="simcse")
    with pytest.raises(DataError, match="vectors for 7 training pairs: they belong to other data"):
        build_estimator(config.weights, replace(prepared, train=7), torch.device("cpu"))


def test_vectors_that_were_not_prepared_are_named(minilm, prepared):
    config = config_with(minilm, weights__estimator="teacher")
    with pytest.raises(DataError, match="teacher: its vectors of the training queries have not"):
        build_estimator(config.weights, replace(prepared, vectors={}), torch.device("cpu"))
