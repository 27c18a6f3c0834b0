"""The main job on a real local Ray cluster with real Optuna and MLflow stores."""

import json
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from mlflow import MlflowClient
from rich.console import Console

from softnce.config.file import validated
from softnce.data.pairs import read_pairs
from softnce.evaluation.ranking import mrr, ranks
from tests.tune_spaces.tracking.stores import model_file
from tune_spaces.search.search import search
from tune_spaces.tracking.model_folder import DATA
from tune_spaces.tracking.store import Store, own_uri

pytestmark = [pytest.mark.ray, pytest.mark.slow]

SPACE = {
    "loss/name": {"choice": ["infonce", "soft-infonce"]},
    "optim/learning_rate": {"real": [0.003, 0.03], "log": True},
    "weights/estimator": {"choice": ["bm25", "teacher"], "when": {"loss/name": "soft-infonce"}},
    "weights/alpha": {"real": [0.2, 1.9], "when": {"loss/name": "soft-infonce"}},
    "weights/beta": {"tie": "2 - weights/alpha", "when": {"loss/name": "soft-infonce"}},
    "weights/temperature": {
        "real": [0.05, 5],
        "log": True,
        "when": {"loss/name": "soft-infonce"},
    },
}


def study_config(pairs, **search_settings):
    return {
        "data": {"path": str(pairs)},
        "encoder": {"vocabulary": 600, "dimensions": 32},
        "optim": {"epochs": 3, "batch_size": 32, "learning_rate": 0.01},
        "search": {
            "space": SPACE,
            "n_startup_trials": 4,
            "trials": 8,
            "confirm": "never",
            **search_settings,
        },
    }


@pytest.fixture(scope="module")
def finished(made_pairs, tmp_path_factory):
    """A finished study of eight trials, inline."""
    out = tmp_path_factory.mktemp("studies") / "first"
    config = validated(study_config(made_pairs))
    return search(config, source="first", out=out, console=Console(quiet=True))


@pytest.fixture(scope="module")
def trials(finished):
    """The trials as Optuna's own storage tells them."""
    storage = f"sqlite:///{finished.folder.root / 'optuna.db'}"
    return optuna.load_study(study_name="first", storage=storage).get_trials()


@pytest.fixture(scope="module")
def client(finished):
    uri = own_uri(finished.folder.root)
    return MlflowClient(uri, registry_uri=uri)


def children(client, study="first"):
    (experiment,) = [e for e in client.search_experiments() if e.name == f"softnce/{study}"]
    runs = client.search_runs([experiment.experiment_id], max_results=100)
    return [run for run in runs if "softnce.trial" in run.data.tags], [
        run for run in runs if "softnce.study" in run.data.tags
    ]


def test_the_search_ends_every_trial(finished):
    assert finished.exit_code == 0
    assert len(finished.table) == 8
    assert {row.state for row in finished.table} <= {"complete", "pruned"}


def test_infonce_its_repeat_and_the_papers_settings_come_first(finished):
    assert [row.role for row in finished.table[:4]] == ["infonce", "noise", "paper", "paper"]
    assert [row.config.weights.scale for row in finished.table[2:4]] == ["raw", "raw"]
    assert {row.config.weights.estimator for row in finished.table[2:4]} == {"bm25", "teacher"}


def test_the_champion_shares_its_weights_with_its_artifact(finished):
    weights = finished.folder.champion.rglob("*.safetensors")
    copies = list((finished.folder.root / "mlartifacts").rglob("*.safetensors"))
    assert copies
    assert all(any(one.samefile(two) for two in copies) for one in weights)


def test_tunes_own_folders_are_named_after_the_trials_and_nothing_else(finished):
    folders = [one for one in (finished.folder.root / "ray" / "tune").iterdir() if one.is_dir()]
    keys = {row.key for row in finished.table}
    assert {one.name.split("-")[0] for one in folders} == keys
    assert max(len(one.name) for one in folders) < 30


def test_the_fitted_sampler_proposes_after_the_start(finished):
    assert [row.proposed_by for row in finished.table].count("tpe") >= 3


def test_optuna_holds_the_best_epoch_of_each_complete_trial(trials):
    complete = [t for t in trials if t.state == optuna.trial.TrialState.COMPLETE]
    assert complete
    for trial in complete:
        assert trial.value == max(trial.intermediate_values.values())
        assert len(trial.intermediate_values) == 3


def test_a_pruned_trial_stopped_before_its_last_epoch(trials):
    for trial in trials:
        if trial.state == optuna.trial.TrialState.PRUNED:
            assert len(trial.intermediate_values) < 3


def test_mlflow_holds_one_parent_and_one_child_a_trial(client, finished):
    trials, studies = children(client)
    assert len(studies) == 1
    assert sorted(run.data.tags["softnce.trial"] for run in trials) == [
        row.key for row in finished.table
    ]
    parents = {run.data.tags["mlflow.parentRunId"] for run in trials}
    assert parents == {studies[0].info.run_id}
    assert studies[0].info.status == "FINISHED"
    assert studies[0].data.tags["softnce.verdict"] == finished.verdict
    assert "Leaderboard" in studies[0].data.tags["mlflow.note.content"]


def test_the_teacher_is_a_run_of_the_study_with_its_epochs(client):
    (experiment,) = [e for e in client.search_experiments() if e.name == "softnce/first"]
    runs = client.search_runs([experiment.experiment_id], "tags.`softnce.model` = 'teacher'")
    (run,) = runs
    assert run.info.status == "FINISHED"
    assert run.data.params["loss"] == "infonce"
    assert "mlflow.parentRunId" in run.data.tags
    assert len(client.get_metric_history(run.info.run_id, "mrr")) == 3


def test_mlflow_tells_the_state_of_each_trial(client, finished):
    status = {"complete": "FINISHED", "pruned": "FINISHED"}
    runs = {run.data.tags["softnce.trial"]: run for run in children(client)[0]}
    for row in finished.table:
        assert runs[row.key].info.status == status[row.state]
        assert runs[row.key].data.tags["trial.state"] == row.state.upper()


def test_mlflow_holds_parameters_and_metrics_of_every_epoch(client, finished):
    runs = {run.data.tags["softnce.trial"]: run for run in children(client)[0]}
    for row in finished.table:
        run = runs[row.key]
        assert run.data.params["loss"] == row.config.loss.name
        assert ("alpha" in run.data.params) == (row.config.loss.name == "soft-infonce")
        history = client.get_metric_history(run.info.run_id, "mrr")
        assert [metric.step for metric in history] == list(range(1, len(history) + 1))
        if row.state == "complete":
            assert len(history) == 3
            best = client.get_metric_history(run.info.run_id, "objective")[-1].value
            assert best == pytest.approx(row.value)


def test_the_champion_is_registered_under_its_alias(client, finished):
    version = client.get_model_version_by_alias("softnce-first", "champion")
    run = client.get_run(version.run_id)
    assert run.data.tags["softnce.trial"] == finished.champion.key


def test_the_registered_champion_scores_the_same_without_softnce(finished, made_pairs, tmp_path):
    store = Store(own_uri(finished.folder.root), "softnce/first", finished.folder.root)
    folder = str(model_file(store, "champion", DATA, "softnce-first"))
    pairs = read_pairs(made_pairs)
    texts = {"queries": pairs.valid.texts, "candidates": pairs.candidates}
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    script = (
        "import json, sys, numpy as np\n"
        "from sentence_transformers import SentenceTransformer\n"
        "texts = json.load(open(sys.argv[2] + '/texts.json'))\n"
        "model = SentenceTransformer(sys.argv[1], trust_remote_code=False)\n"
        "for name, part in texts.items():\n"
        "    np.save(sys.argv[2] + '/' + name + '.npy', model.encode(part))\n"
        "assert 'softnce' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script, folder, str(tmp_path)], check=True, cwd=tmp_path)
    import numpy as np
    import torch

    queries, candidates = (torch.from_numpy(np.load(tmp_path / f"{n}.npy")) for n in texts)
    score = mrr(ranks(queries, candidates, torch.tensor(pairs.valid.answers)))
    assert score == pytest.approx(finished.champion.value, abs=1e-4)


def test_a_finished_study_run_again_trains_nothing(finished, made_pairs, trials):
    before = sorted(path.name for path in (finished.folder.root / "trials").iterdir())
    config = validated(study_config(made_pairs))
    again = search(config, source="first", out=finished.folder.root, console=Console(quiet=True))
    assert sorted(path.name for path in (finished.folder.root / "trials").iterdir()) == before
    assert [row.value for row in again.table] == [row.value for row in finished.table]
    storage = f"sqlite:///{finished.folder.root / 'optuna.db'}"
    assert len(optuna.load_study(study_name="first", storage=storage).get_trials()) == len(trials)


def test_more_trials_continue_the_study(finished, made_pairs, client):
    config = validated(study_config(made_pairs, trials=10))
    more = search(config, source="first", out=finished.folder.root, console=Console(quiet=True))
    assert len(more.table) == 10
    assert [row.value for row in more.table[:8]] == [row.value for row in finished.table]
    assert len(children(client)[0]) == 10
    teacher = finished.folder.root / "teacher"
    assert len(list(teacher.glob("epoch-*"))) >= 1


@pytest.mark.long
def test_both_executors_give_the_same_metrics(made_pairs, tmp_path, finished):
    settings = study_config(made_pairs, trials=3, always_try="paper")
    settings["search"]["asha"] = {"enabled": False}
    settings["resources"] = {
        "executor": "train",
        "max_concurrent": 1,
        "cache": str(finished.folder.root / "cache"),
    }
    study = search(
        validated(settings), source="train", out=tmp_path / "train", console=Console(quiet=True)
    )
    assert [row.state for row in study.table] == ["complete"] * 3
    inline = {row.key: row for row in finished.table}
    for row in study.table:
        if inline[row.key].state == "complete":
            assert row.value == inline[row.key].value
    assert not list(Path(tmp_path / "train" / "trials" / "t0000").glob("error.txt"))
