"""A run that trains adapters: resumed exactly, scored and taken on as any other."""

import itertools
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from transformers import BertConfig

from softnce.checkpoints.checkpoint import load_weights
from softnce.checkpoints.manifest import best_checkpoint
from softnce.config.file import validated, with_overrides
from softnce.errors import ConfigError
from softnce.evaluation.metric_names import EPOCH_METRICS
from softnce.inputs.frozen_models import teacher_config, vectors_key
from softnce.inputs.frozen_vectors import cache_vectors
from softnce.inputs.prepare import prepare
from softnce.training.loop import epochs
from softnce.training.query_scores import leave_query_scores
from softnce.training.scoring import validate
from tests.softnce.encoders.test_packing import SHAPE, saved
from tests.softnce.training.loop.small_runs import config_with, said, told, trained

RANK = {"encoder/lora/rank": 4, "encoder/lora/dropout": 0.2}
SIZE = 2 * 4 * (4 * (16 + 16) + 2 * (16 + 32))  # layers x rank x (attention, feed-forward)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    dropout = BertConfig(**SHAPE, hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.3)
    changes = {
        "encoder/kind": "transformer",
        "encoder/model": saved(dropout, tmp_path_factory.mktemp("model")),
        "encoder/max_length": 16,
        "optim/max_steps": 3,
        "optim/epochs": 3,
    }
    return with_overrides(config_with(), changes)


@pytest.fixture(scope="module")
def config(plain):
    return with_overrides(plain, RANK)


@pytest.fixture(scope="module")
def made(config, pairs, tmp_path_factory):
    return prepare(config, pairs, tmp_path_factory.mktemp("cache"), tell=said)


@pytest.fixture(scope="module")
def whole(config, made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return trained(config, made, folder), folder


def test_what_is_prepared_is_that_of_all_weights(plain, config, made, pairs, tmp_path):
    other = prepare(plain, pairs, tmp_path, tell=said)
    assert replace(other, cache=made.cache) == made
    assert vectors_key("teacher", plain, made) != vectors_key("teacher", config, made)


def test_a_stopped_run_goes_on_to_the_same_numbers(config, made, whole, tmp_path):
    reports, folder = whole
    list(itertools.islice(epochs(config, made, tmp_path), 1))
    assert trained(config, made, tmp_path) == reports[1:]
    first, second = (load_weights(best_checkpoint(one)) for one in (folder, tmp_path))
    assert all(torch.equal(one, second[name]) for name, one in first.items())


def test_a_checkpoint_holds_adapters_and_their_optimizer_alone(whole):
    reports, folder = whole
    assert {one["trained_parameters"] for one in reports} == {SIZE}
    assert "trained_parameters" in EPOCH_METRICS
    newest = sorted(folder.glob("epoch-*"))[-1]
    sizes = {}
    for part in ("model", "optimizer"):
        with safe_open(newest / f"{part}.safetensors", "pt") as file:
            tensors = [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118
        sizes[part] = sum(one.numel() for one in tensors if one.numel() > 1)
    assert sizes == {"model": SIZE, "optimizer": 2 * SIZE}


def test_what_an_encoder_costs_is_that_of_the_exported_model(plain, made, whole):
    (*_, last), _ = whole
    assert last["parameters"] == made.encoder(plain.encoder, seed=0).size


def test_the_best_epoch_is_scored_and_shared_as_it_was(config, made, whole):
    reports, folder = whole
    encoder = made.encoder(config.encoder, seed=config.optim.seed)
    encoder.load_weights(load_weights(best_checkpoint(folder)))
    assert validate(encoder, made)["mrr"] == max(one["mrr"] for one in reports)
    device = torch.device("cpu")
    means = leave_query_scores(config, made, folder, ("valid",), device=device)
    assert means["valid_mrr"] == pytest.approx(max(one["mrr"] for one in reports), abs=1e-6)


def test_less_memory_changes_no_number(config, made, whole, tmp_path):
    reports, _ = whole
    changes = {"optim/gradient_checkpointing": True, "optim/epochs": 3}
    again = trained(with_overrides(config, changes), made, tmp_path)
    assert again[-1]["loss"] == pytest.approx(reports[-1]["loss"], rel=1e-5)


def test_a_teacher_is_trained_and_started_at_by_its_adapters(config, made, tmp_path):
    teacher = with_overrides(teacher_config(config), {"optim/epochs": 1})
    known = replace(made, vectors={"teacher": "lora-teacher"})
    list(epochs(teacher, known, tmp_path / "teacher"))
    cache_vectors("teacher", teacher, known, tmp_path / "teacher")
    assert len(known.frozen_weights("teacher")) == 24
    taught = with_overrides(config, {"optim/init_from_teacher": True, "optim/learning_rate": 1e-9})
    (report, *_) = told(epochs(taught, known, tmp_path / "taught"))
    encoder = known.encoder(config.encoder, seed=0)
    encoder.load_weights(known.frozen_weights("teacher"))
    assert report["mrr"] == pytest.approx(validate(encoder, known)["mrr"], abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "said_of_it"),
    [
        ({"lora": {"rank": 4}}, "encoder: encoder.lora belongs to encoder.kind: transformer"),
        ({"lora": {"rank": 0}}, "encoder.lora.rank: input should be greater than or equal to 1"),
        (
            {"lora": {"alpha": 8}},
            "encoder.lora: encoder.lora.alpha without",
        ),
        (
            {"lora": {"rank": 4, "targets": "a b"}},
            "encoder.lora: encoder.lora.targets: 'a b'",
        ),
        ({"lora": {"rank": 4, "dropout": 1}}, "encoder.lora.dropout: input should be less than 1"),
        ({"lora": {"rank": True}}, "encoder.lora: rank: true is not a valid value"),
    ],
)
def test_settings_that_do_not_fit_are_refused_in_a_line(changes, said_of_it):
    with pytest.raises(ConfigError) as caught:
        validated({"data": {"path": "x"}, "encoder": changes})
    assert str(caught.value).startswith(said_of_it)
    assert "\n" not in str(caught.value)
