"""The frozen models of a study beside the estimators that stand alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from softnce.config.file import validated
from softnce.config.sections.method import WeightsSection
from softnce.data.pairs import read_pairs
from softnce.diagnostics.requested import (
    ComparedTexts,
    RequestedEstimators,
    estimators,
)
from softnce.diagnostics.trained_models import trained_models
from softnce.errors import ConfigError
from softnce.inputs.estimators import build_estimator
from softnce.inputs.frozen_models import FROZEN_MODELS, vectors_key
from softnce.inputs.frozen_vectors import cache_vectors
from softnce.inputs.prepare import prepare
from softnce.training.loop import epochs
from tests.softnce.diagnostics.made_data import made_pairs_of, set_folder, typed
from tune_spaces.study.fingerprint import require_same, require_same_weights
from tune_spaces.study.folder import StudyFolder
from tune_spaces.study.trained_study import trained_study


@pytest.fixture(scope="module")
def trained(tmp_path_factory, minilm):
    """A set and a study of it, whose teacher and SimCSE are trained but whose trials are not."""
    data = set_folder(tmp_path_factory.mktemp("trained") / "set")
    cache = data.parent / "shared-cache"
    simcse = {"model": str(minilm), "batch_size": 8, "epochs": 1, "max_steps": 1, "max_length": 16}
    config = validated(
        {
            "data": {"path": str(data)},
            "encoder": {"vocabulary": 300, "dimensions": 16, "max_length": 32},
            "optim": {"epochs": 1, "batch_size": 16, "learning_rate": 0.01},
            "weights": {"simcse": simcse, "teacher": {"score": "dot"}},
            "resources": {"cache": str(cache)},
        }
    )
    pairs, folder = read_pairs(data), StudyFolder(data.parent / "study", "study")
    prepared = prepare(config, pairs, cache, tell=lambda _: None, models=FROZEN_MODELS)
    keys = {model: vectors_key(model, config, prepared) for model in FROZEN_MODELS}
    prepared = replace(prepared, vectors=keys)
    for model, frozen in FROZEN_MODELS.items():
        own, inputs = frozen.configured(config), frozen.inputs(prepared)
        list(epochs(own, inputs, folder.root / model))
        cache_vectors(model, own, inputs, folder.root / model)
    require_same(folder, config, pairs.digest)
    require_same_weights(folder, prepared.weights)
    return data, folder.root, prepared


def test_the_frozen_models_of_a_study_are_found_with_their_trained_weights(trained):
    data, study, prepared = trained
    queries = [pair.query for pair in made_pairs_of(data)]
    found = trained_models(trained_study(study))
    assert [(one.name, one.score) for one in found] == [("teacher", "dot"), ("simcse", "cosine")]
    for one in found:
        vectors = one.encoder.encode_all(one.encoder.tokenize(queries)).numpy()
        np.testing.assert_array_equal(vectors, prepared.frozen_vectors(one.name, "queries"))


def test_a_teacher_compares_queries_with_codes_and_simcse_queries_with_queries(trained):
    data, study, prepared = trained
    pairs = made_pairs_of(data)
    texts = ComparedTexts([pair.query for pair in pairs], [pair.code for pair in pairs])
    rows = torch.arange(len(pairs))
    for built in estimators(
        RequestedEstimators(trained=trained_models(trained_study(study))), texts
    ):
        section = WeightsSection(estimator=built.name, teacher={"score": "dot"})
        wanted = build_estimator(section, prepared, torch.device("cpu"))
        torch.testing.assert_close(built.relevance(rows, rows), wanted.relevance(rows, rows))


@pytest.mark.slow
@pytest.mark.long
def test_the_verb_shows_the_models_of_a_study_beside_the_others(tmp_path, trained):
    data, study, _ = trained
    words = ["--study", study, "--batch-size", 40, "--estimator", "bm25", "--estimator", "mixture"]
    done = typed(data, *words, "--top", 30, "--scale", "raw", "--floor", 0, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "softnce-weights" / "weights.html").read_text()
    for name in ("bm25", "teacher", "simcse", "mixture"):
        assert f"{name}: turned down most" in done.stdout
        assert f"<td>{name}</td><td>query - code</td>" in page
        assert f"<td>{name}</td><td>query - docstring</td>" in page
    assert "trained no" not in done.stdout
    assert "<td>5 / 5</td>" in page  # the held-out pairs: the teacher knows the others
    assert page.count("<h2>bm25: ") == 1
    suspects = page.split("<h2>bm25: ")[1].split("<h2>")[0]
    assert suspects.count("<tr>") == 31


def test_a_study_that_trained_no_such_model_says_so_in_a_line(tmp_path):
    data = set_folder(tmp_path / "set")
    config = validated({"data": {"path": str(data)}})
    require_same(StudyFolder(tmp_path / "study", "study"), config, read_pairs(data).digest)
    words = ["--study", "study", "--batch-size", 40, "--estimator", "bm25"]
    done = typed(data, *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (said,) = [line for line in done.stdout.splitlines() if "has trained no" in line]
    assert said == "study has trained no teacher and no simcse: none of its trials uses it"
    assert "80 / 80" in " ".join(done.stdout.split())


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"data": "x", "weights": 3}'])
def test_a_damaged_study_is_named(tmp_path, content):
    (tmp_path / "config.yaml").write_text("data: {path: pairs}")
    (tmp_path / "study.json").write_text(content)
    with pytest.raises(
        ConfigError, match=r"study\.json: (damaged|not valid JSON|not a study's fingerprint)"
    ):
        trained_study(tmp_path)
