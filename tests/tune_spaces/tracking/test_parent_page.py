"""The page of a study in MLflow: metrics, data and files of its own run, and a model that loads."""

import json
import shutil
import sqlite3
import zlib
from base64 import b64decode
from contextlib import closing

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from tests.tune_spaces.tracking.stores import one_trial, opened, runs_of
from tune_spaces.tracking.links import stored_link
from tune_spaces.tracking.store import Store, own_uri
from tune_spaces.tracking.view import TAG
from tune_spaces.trial_state import TrialState


@pytest.fixture(scope="module")
def told(tmp_path_factory, minilm):
    """The store of a study whose page was told, and told once more, as after a crash."""
    tmp_path = tmp_path_factory.mktemp("told")
    store = Store(own_uri(tmp_path), "softnce/made", tmp_path)
    shutil.copytree(minilm, tmp_path / "champion")
    tables = [tmp_path / name for name in ("per_query.json", "per_query_test.json")]
    for path in tables:
        path.write_text('{"columns": ["query"], "data": [["x"]]}')
    tracker = opened(store)
    one_trial(tracker, state=TrialState.PRUNED)
    for key, role in (("t0000-s20001", "confirm"), ("teacher", "frozen model")):
        tracker.begin(key, key, {}, {"softnce.role": role})
    for step in (1, 2):
        tracker.measure({"best_objective": step / 10, "unknown": float("nan")}, step)
    tracker.data("pairs", "d" * 64, "pairs.jsonl", {"train": 9, "test": 3})
    gone = {tmp_path / "gone.png": "figures", tmp_path / "gone.json": "tables"}
    tracker.files({**dict.fromkeys(tables, "tables"), **gone})
    tracker.champion("t0000", tmp_path / "champion", "loss: {}", {"mrr": 0.5})
    assert tracker.close(TrialState.COMPLETE, "Better.", page="### Better.\n\nall of it") == 0
    (tmp_path / "tracking.cursor").unlink()
    again = opened(store)
    assert again.close(TrialState.COMPLETE, "Better.") == 0
    assert again.refused() == 0
    return store


def parent(store):
    return runs_of(store, "softnce.study")["made"]


def test_a_study_tells_all_of_itself_and_each_part_once(told):
    client, run = MlflowClient(told.uri), parent(told)
    first, links, rest = run.data.tags["mlflow.note.content"].split("\n\n")
    assert (first, rest) == ("### Better.", "all of it")
    assert f"[All figures](#/experiments/1/runs/{run.info.run_id}/artifacts/report.html)" in links
    assert run.data.tags["softnce.verdict"] == "Better."
    curve = client.get_metric_history(run.info.run_id, "best_objective")
    assert [(one.step, one.value) for one in curve] == [(1, 0.1), (2, 0.2)]
    assert run.data.metrics.keys() == {"best_objective"}
    (data,) = [one.dataset for one in run.inputs.dataset_inputs]
    assert (data.name, data.digest) == ("pairs", "d" * 36)
    assert json.loads(data.profile) == {"train": 9, "test": 3}
    assert [one["path"] for one in json.loads(run.data.tags["mlflow.loggedArtifacts"])] == [
        "tables/per_query.json",
        "tables/per_query_test.json",
    ]
    assert [one.path for one in client.list_artifacts(run.info.run_id)] == ["tables"]
    pruned = runs_of(told)["t0000"]
    assert "Stopped early by ASHA" in pruned.data.tags["mlflow.note.content"]


def test_the_experiment_opens_sorted_by_the_objective_with_the_verdict_above(told):
    experiment = MlflowClient(told.uri).get_experiment_by_name(told.experiment)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    assert experiment.tags["mlflow.experiment.primaryMetric.name"] == "objective"
    assert "Better." in experiment.tags["mlflow.note.content"]
    kind, _, packed = experiment.tags[TAG].partition(";")
    state = json.loads(zlib.decompress(b64decode(packed)))
    assert kind == "deflate"
    assert state["orderByKey"] == "metrics.`objective`"
    found = MlflowClient(told.uri).search_runs([experiment.experiment_id], state["searchFilter"])
    assert {one.info.run_name for one in found} == {"made", "t0000-infonce"}
    assert experiment.experiment_id in stored_link(told.folder)
    assert parent(told).info.run_id in stored_link(told.folder, "study")


def test_the_champion_loads_both_ways_with_signature_and_metrics(told, monkeypatch):
    client, run = MlflowClient(told.uri), parent(told)
    (model,) = client.search_logged_models([run.info.experiment_id])
    assert {one.key: one.value for one in model.metrics} == {"best_mrr": 0.5}
    assert [one.model_id for one in run.outputs.model_outputs] == [model.model_id]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", told.uri)  # MLflow would leave its own to others
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    mlflow.set_tracking_uri(told.uri)
    mlflow.set_registry_uri(told.uri)
    try:
        loaded = mlflow.pyfunc.load_model("models:/softnce-made@champion")
        same = mlflow.sentence_transformers.load_model("models:/softnce-made@champion")
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])
    example = loaded.input_example
    assert loaded.metadata.signature.inputs is not None
    assert np.allclose(loaded.predict(example), same.encode(example), atol=1e-6)


def note_of(store):
    client = MlflowClient(store.uri)
    return client.get_experiment_by_name(store.experiment).tags["mlflow.note.content"]


@pytest.mark.parametrize("written", ["ours, see the wiki", "Better. And softnce: see the wiki."])
def test_what_a_person_wrote_of_an_experiment_stays(store, written):
    opened(store).close(TrialState.COMPLETE, "Better.")
    client = MlflowClient(store.uri)
    experiment = client.get_experiment_by_name(store.experiment).experiment_id
    client.set_experiment_tag(experiment, "mlflow.note.content", written)
    opened(store).close(TrialState.COMPLETE, "Worse.")
    assert note_of(store) == written


def test_studies_of_one_experiment_all_stand_in_its_note_the_newest_first(store):
    for study, verdict in (("made", "Better."), ("other", "Worse: `<b>|*x*`")):
        opened(store, study).close(TrialState.COMPLETE, verdict)
    lines = note_of(store).split("\n\n")
    assert len(lines) == 3
    assert lines[0].startswith("other: Worse: \\`&lt;b&gt;\\|\\*x\\*\\` [The study's page](#/")
    assert lines[1].startswith("made: Better. [")


def test_a_note_that_names_softnce_before_the_first_study_has_ended_stays(store):
    client = MlflowClient(store.uri)
    experiment = client.create_experiment(store.experiment)
    client.set_experiment_tag(experiment, "mlflow.note.content", "our softnce runs: see the wiki")
    opened(store).close(TrialState.COMPLETE, "Better.")
    assert note_of(store) == "our softnce runs: see the wiki"


def test_the_note_of_an_older_version_is_replaced(store):
    client = MlflowClient(store.uri)
    experiment = client.create_experiment(store.experiment)
    client.set_experiment_tag(experiment, "mlflow.note.content", "**softnce.** Worse.")
    opened(store).close(TrialState.COMPLETE, "Better.")
    assert note_of(store).startswith("made: Better. [")


def test_a_note_of_many_long_verdicts_fits_and_tells_of_the_older_ones(store):
    for number in range(3):
        opened(store, f"s{number}").close(TrialState.COMPLETE, "&" * 700)
    opened(store, "crashed")
    opened(store, "last").close(TrialState.COMPLETE, "Better.")
    first, second, third, *_, end = note_of(store).split("\n\n")
    assert first.startswith("last: Better. [")
    assert second.startswith("crashed: It has not ended. [")
    assert third.startswith("s2: " + "&amp;" * 599 + "… [")
    assert end.startswith("Older studies are in the table alone. [")
    assert len(note_of(store)) <= 5_000


def test_a_study_has_ended_even_where_its_experiment_may_not_be_written_to(store):
    tracker = opened(store)
    with closing(sqlite3.connect(store.folder / "mlflow.db")) as database:
        database.execute(
            "create trigger sealed before insert on experiment_tags "
            "begin select raise(abort, 'sealed'); end"
        )
        database.commit()
    tracker.close(TrialState.COMPLETE, "Better.")
    assert tracker.refused() == 1
    assert parent(store).info.status == "FINISHED"
