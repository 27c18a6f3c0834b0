"""The teacher: InfoNCE's own run, whose best epoch gives the vectors."""

import itertools
from dataclasses import replace

import pytest
import torch

from softnce.checkpoints.manifest import best_checkpoint, complete_checkpoint
from softnce.errors import RunError
from softnce.inputs.frozen_models import is_cached, teacher_config, vectors_key
from softnce.inputs.frozen_vectors import cache_vectors
from softnce.training.loop import epochs
from tests.softnce.training.loop.small_runs import config_with

# --- the teacher


def test_the_teacher_is_the_study_with_infonce():
    config = config_with(weights__teacher__epochs=2)
    teacher = teacher_config(config)
    assert (teacher.loss.name, teacher.optim.epochs) == ("infonce", 2)
    assert teacher.encoder == config.encoder


def test_the_teachers_vectors_are_those_of_its_best_epoch(prepared):
    queries, codes = (prepared.frozen_vectors("teacher", name) for name in ("queries", "codes"))
    assert queries.shape == codes.shape == (prepared.train, 16)
    rows = torch.arange(50)
    scores = torch.from_numpy(queries[:50].copy()) @ torch.from_numpy(codes[:50].copy()).T
    assert (scores.argmax(1) == rows).float().mean() > 0.5


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({"weights__alpha": 0.5}, True),
        ({"search__trials": 3}, True),
        ({"optim__seed": 3}, False),
        ({"encoder__dimensions": 8}, False),
        ({"loss__temperature": 0.1}, False),
        ({"weights__teacher__epochs": 1}, False),
    ],
)
def test_a_teacher_is_trained_anew_only_when_it_would_be_another(prepared, change, is_same):
    first, other = (
        vectors_key("teacher", one, prepared) for one in (config_with(), config_with(**change))
    )
    assert (first == other) is is_same


def test_a_teacher_without_weights_is_refused(prepared, tmp_path):
    config = config_with()
    (tmp_path / f"epoch-{config.optim.epochs:04d}").mkdir()
    with pytest.raises(RunError, match="no intact checkpoint"):
        cache_vectors("teacher", config, prepared, tmp_path)


@pytest.mark.parametrize("done", [0, 1])
def test_a_teacher_stopped_before_its_last_epoch_leaves_no_vectors(prepared, tmp_path, done):
    teacher = teacher_config(config_with(optim__epochs=2))
    made = replace(prepared, vectors={"teacher": f"stopped-{done}"})
    list(itertools.islice(epochs(teacher, made, tmp_path / "teacher"), done))
    cache_vectors("teacher", teacher, made, tmp_path / "teacher")
    assert not is_cached("teacher", made)
    assert complete_checkpoint(tmp_path / "teacher") is None
    assert len(optimizer_states(tmp_path / "teacher")) == done
    list(epochs(teacher, made, tmp_path / "teacher"))
    cache_vectors("teacher", teacher, made, tmp_path / "teacher")
    assert is_cached("teacher", made)


def optimizer_states(folder):
    return list(folder.glob("epoch-*/optimizer.safetensors"))


def test_a_trained_teacher_frees_what_only_training_needed(prepared, tmp_path):
    teacher, folder = teacher_config(config_with(optim__epochs=3)), tmp_path / "teacher"
    made = replace(prepared, vectors={"teacher": "freed"})
    list(epochs(teacher, made, folder))
    assert optimizer_states(folder)
    cache_vectors("teacher", teacher, made, folder)
    assert not optimizer_states(folder)
    assert complete_checkpoint(folder) == best_checkpoint(folder)
    again = replace(prepared, vectors={"teacher": "made-anew"})
    cache_vectors("teacher", teacher, again, folder)  # as after the cache was cleaned
    first, second = (one.frozen_vectors("teacher", "queries") for one in (made, again))
    assert first.tobytes() == second.tobytes()
