"""A study trains its frozen models itself, once, under Ray Train."""

import shutil
from itertools import chain
from pathlib import Path

import pytest
from mlflow import MlflowClient
from rich.console import Console

from softnce.config.file import validated
from softnce.data.pairs import read_pairs
from softnce.inputs.frozen_models import FROZEN_MODELS, is_cached
from softnce.inputs.prepare import prepare
from tune_spaces.ray_session import session
from tune_spaces.search.search import search
from tune_spaces.space.space import search_space
from tune_spaces.study.context import StudyContext
from tune_spaces.study.folder import StudyFolder
from tune_spaces.tracking.store import own_uri
from tune_spaces.trial_state import TrialState
from tune_spaces.tune.callbacks import tracker_of
from tune_spaces.tune.train_frozen import with_model

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.mark.long
def test_a_study_trains_simcse_once_and_uses_it(made_pairs, minilm, tmp_path):
    simcse = {"model": str(minilm), "batch_size": 8, "epochs": 1, "max_steps": 2, "max_length": 16}
    nested = {
        "data": {"path": str(made_pairs)},
        "encoder": {"vocabulary": 600, "dimensions": 16},
        "optim": {"epochs": 1, "batch_size": 32, "learning_rate": 0.01},
        "weights": {"estimator": "simcse", "simcse": {**simcse, "learning_rate": 1e-5}},
        "search": {"space": {"loss/name": {"choice": ["infonce", "soft-infonce"]}}, "trials": 3},
    }
    study = search(validated(nested), out=tmp_path / "study", console=Console(quiet=True))
    assert [row.state for row in study.table] == ["complete"] * 3
    assert study.table[2].config.weights.estimator == "simcse"
    assert list((tmp_path / "study" / "simcse").glob("epoch-*"))
    assert not (tmp_path / "study" / "teacher").exists()


EPOCHS = {"teacher": 20, "simcse": 4}  # enough that a stop after the first comes in time


@pytest.fixture(scope="module")
def ray_session(tmp_path_factory):
    """One local cluster for all models: what a search starts."""
    with session.connected(tmp_path_factory.mktemp("ray") / "softnce.log"):
        yield


@pytest.fixture
def context(made_pairs, minilm, tmp_path):
    """Return a study in a folder of its own, of which nothing is trained."""
    simcse = {"model": str(minilm), "batch_size": 8, "max_steps": 3, "max_length": 16}
    nested = {
        "data": {"path": str(made_pairs)},
        "encoder": {"vocabulary": 600, "dimensions": 16},
        "optim": {"epochs": EPOCHS["teacher"], "batch_size": 8, "learning_rate": 0.01},
        "weights": {"simcse": {**simcse, "epochs": EPOCHS["simcse"], "learning_rate": 1e-4}},
    }
    config = validated(nested)

    def in_folder(name):
        folder = StudyFolder(tmp_path / name, name)
        return StudyContext(config, folder, search_space(config), Console(quiet=True))

    return in_folder


def trained(model, context, is_stopped):
    """Train a frozen model as a study does, and log it in the study's own database."""
    pairs = read_pairs(Path(context.config.data.path))
    cache = context.folder.cache(context.config)
    prepared = prepare(context.config, pairs, cache, tell=lambda _: None, models=FROZEN_MODELS)
    tracker = tracker_of(context, "")
    tracker.connect()
    tracker.open({})
    prepared = with_model(model, context, prepared, tracker, is_stopped)
    assert tracker.close(TrialState.COMPLETE, "") == 0
    return prepared


def goes_on():
    return False


def results(model, prepared):
    """Return the vectors and weights that a model left, as bytes."""
    tables = {
        name: prepared.frozen_vectors(model, name) for name in FROZEN_MODELS[model].tables[:2]
    }
    weights = prepared.frozen_weights(model)
    named = chain(tables.items(), ((name, one.numpy()) for name, one in weights.items()))
    return {name: array.tobytes() for name, array in named}


@pytest.mark.long
@pytest.mark.parametrize("model", ["teacher", "simcse"])
@pytest.mark.usefixtures("ray_session")
def test_an_interrupted_model_goes_on_and_ends_bit_for_bit_the_same(model, context):
    broken, whole, every = context("broken"), context("whole"), list(range(1, EPOCHS[model] + 1))
    folder = broken.folder.root / model
    prepared = trained(model, broken, lambda: any(folder.glob("epoch-*")))
    assert not is_cached(model, prepared)
    done = (folder / "trial.log").read_text().count("loop: epoch ")
    assert 0 < done < len(every)
    assert logged(broken, model).data.tags["trial.state"] == "INTERRUPTED"
    prepared = trained(model, broken, goes_on)
    said = (folder / "trial.log").read_text()
    assert f"resumed at epoch {done + 1}" in said
    assert [number for number in every if said.count(f"loop: epoch {number}:") == 1] == every
    assert results(model, prepared) == results(model, trained(model, whole, goes_on))
    shutil.rmtree(whole.folder.cache(whole.config))  # what a clean of the cache leaves is enough
    assert results(model, prepared) == results(model, trained(model, whole, goes_on))
    assert (whole.folder.root / model / "trial.log").read_text().count("loop: started") == 1
    run = logged(broken, model)
    assert run.info.status == "FINISHED"
    assert run.data.tags["trial.state"] == "COMPLETE"
    assert epochs_of(broken, run) == every


def logged(context, model):
    """Return the one run of a frozen model, which belongs to its study's."""
    client = MlflowClient(own_uri(context.folder.root))
    (experiment,) = [one for one in client.search_experiments() if one.name.startswith("softnce/")]
    runs = client.search_runs([experiment.experiment_id])
    (run,) = [one for one in runs if one.data.tags.get("softnce.role") == "frozen model"]
    (study,) = [one for one in runs if "softnce.study" in one.data.tags]
    assert run.info.run_name == model
    assert run.data.tags["mlflow.parentRunId"] == study.info.run_id
    return run


def epochs_of(context, run):
    client = MlflowClient(own_uri(context.folder.root))
    return [one.step for one in client.get_metric_history(run.info.run_id, "loss")]
