"""A small GraphCodeBERT through the inputs, the loop, its checkpoints and the teacher."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from softnce.config.config import Config
from softnce.config.file import with_overrides
from softnce.encoders.options import SIDE_FILE
from softnce.errors import DataError
from softnce.inputs.frozen_models import teacher_config, vectors_key
from softnce.inputs.frozen_vectors import cache_vectors
from softnce.inputs.prepare import prepare
from softnce.ragged import Ragged
from softnce.training.loop import epochs
from tests.softnce.encoders.small_models import small_roberta
from tests.softnce.training.loop.small_runs import said, trained


@pytest.fixture(scope="module")
def languages(pairs):
    few = pairs.train[:96]
    spoken = tuple(replace(one, language="python") for one in few)
    return replace(pairs, train=spoken, candidate_languages=("python",) * len(pairs.candidates))


@pytest.fixture(scope="module")
def config(pairs, tmp_path_factory):
    texts = [text for one in pairs.train[:40] for text in (one.query, one.code)]
    folder = small_roberta(tmp_path_factory.mktemp("roberta"), texts=texts, places=66)
    return Config.model_validate(
        {
            "data": {"path": "pairs.jsonl"},
            "encoder": {
                "kind": "transformer",
                "model": str(folder),
                "dataflow": "fixed",
                "max_length": 40,
                "query_max_length": 16,
                "dataflow_nodes": 24,
            },
            "optim": {"epochs": 2, "batch_size": 32, "learning_rate": 1e-3},
        }
    )


@pytest.fixture(scope="module")
def flows(config, languages, tmp_path_factory):
    return prepare(config, languages, tmp_path_factory.mktemp("cache"), tell=said)


def has_flow(table: Ragged) -> bool:
    return bool((np.asarray(table.values) < 0).any())


def test_codes_alone_have_data_flow_and_candidates_stand_there_as_text_too(flows):
    names = ("train_queries", "valid", "candidates_as_text", "train_codes", "candidates")
    assert [has_flow(flows.table(name)) for name in names] == [False, False, False, True, True]
    assert not has_flow(flows.term_table("codes", "subwords"))


def test_a_second_run_follows_no_data_flow_again(config, languages, flows, monkeypatch):
    def refused(*_, **__):
        raise AssertionError

    monkeypatch.setattr("softnce.encoders.graphcodebert.FlowEncoder.tokenize", refused)
    assert prepare(config, languages, flows_cache(flows), tell=said).tokens == flows.tokens


def flows_cache(flows):
    return Path(flows.cache)


def test_other_languages_are_other_inputs(config, languages, flows):
    some = tuple(
        "java" if row < 9 else one for row, one in enumerate(languages.candidate_languages)
    )
    other = prepare(
        config, replace(languages, candidate_languages=some), flows_cache(flows), tell=said
    )
    assert other.tokens != flows.tokens
    assert other.weights["languages"] != flows.weights["languages"]


def test_functions_of_no_known_language_are_refused_with_a_way_out(config, pairs, tmp_path):
    with pytest.raises(DataError, match=r"encoder\.dataflow: .* in unknown; set data\.language to"):
        prepare(config, replace(pairs, train=pairs.train[:96]), tmp_path, tell=said)


def test_some_functions_without_a_known_language_are_told(config, languages, tmp_path):
    heard = []
    mixed = ("typescript",) * 3 + languages.candidate_languages[3:]
    prepare(config, replace(languages, candidate_languages=mixed), tmp_path, tell=heard.append)
    assert "functions that are read as text, without data flow: 3 in typescript" in heard


def test_a_model_that_knows_data_flow_and_is_to_read_text_is_told(config, languages, tmp_path):
    folder = shutil.copytree(config.encoder.model, tmp_path / "model")
    (folder / SIDE_FILE).write_text("{}")
    changes = {"encoder/model": str(folder), "encoder/dataflow": "off"}
    heard = []
    as_text = with_overrides(config, changes | {"encoder/dataflow_nodes": 64})
    prepare(as_text, languages, tmp_path / "cache", tell=heard.append)
    assert f"{folder}: was trained with data flow, and encoder.dataflow is off" in heard[0]


def test_a_model_of_the_hub_that_knows_data_flow_is_told_too(
    config, languages, tmp_path, monkeypatch
):
    repository, revision = tmp_path / "hub" / "models--small--flow", "a" * 40
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(revision)
    folder = shutil.copytree(config.encoder.model, repository / "snapshots" / revision)
    (folder / SIDE_FILE).write_text("{}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    changes = {"encoder/model": "small/flow", "encoder/dataflow": "off"}
    heard = []
    as_text = with_overrides(config, changes | {"encoder/dataflow_nodes": 64})
    prepare(as_text, languages, tmp_path / "cache", tell=heard.append)
    assert "small/flow: was trained with data flow, and encoder.dataflow is off" in heard[0]


def test_a_run_goes_on_from_its_checkpoint_as_if_it_had_not_stopped(config, flows, tmp_path):
    whole = trained(config, flows, tmp_path / "whole")
    run = epochs(config, flows, tmp_path / "cut")
    next(run)
    run.close()
    rest = trained(config, flows, tmp_path / "cut")
    assert rest[-1] == whole[-1]


def test_gradient_caching_trains_the_same_encoder(config, flows, tmp_path):
    folder = shutil.copytree(config.encoder.model, tmp_path / "model")
    stored = json.loads((folder / "config.json").read_text())
    without = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(stored | without))
    plain = with_overrides(config, {"encoder/model": str(folder), "optim/epochs": 1})
    cached = with_overrides(plain, {"optim/max_tokens_per_pass": 256})
    found = [
        trained(one, flows, tmp_path / name)[-1]["loss"]
        for name, one in (("plain", plain), ("cached", cached))
    ]
    assert found[0] == pytest.approx(found[1], abs=1e-3)


def test_a_teacher_reads_data_flow_too(config, flows, tmp_path):
    made = replace(flows, vectors={"teacher": vectors_key("teacher", config, flows)})
    teacher = teacher_config(config)
    list(epochs(teacher, made, tmp_path))
    cache_vectors("teacher", teacher, made, tmp_path)
    soft = {"loss/name": "soft-infonce", "weights/estimator": "teacher", "optim/epochs": 1}
    report = trained(with_overrides(config, soft), made, tmp_path / "student")[-1]
    assert np.isfinite(report["loss"])
