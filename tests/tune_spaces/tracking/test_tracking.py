"""MLflow as it is: runs, metrics, aliases and artifacts in a real database."""

import json
import shutil
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from mlflow import MlflowClient

from softnce.errors import SetupError
from tests.servers import free_port
from tests.tune_spaces.tracking.stores import model_file, one_trial, opened, runs_of, wait_until
from tune_spaces.tracking.event_log import EventLog
from tune_spaces.tracking.model_folder import DATA
from tune_spaces.tracking.store import Store, own_uri, relocate
from tune_spaces.tracking.tracker import Tracker
from tune_spaces.trial_state import TrialState


@pytest.mark.parametrize(
    ("state", "status", "tag"),
    [
        (TrialState.COMPLETE, "FINISHED", "COMPLETE"),
        (TrialState.PRUNED, "FINISHED", "PRUNED"),
        (TrialState.FAILED, "FAILED", "FAIL"),
        (TrialState.INTERRUPTED, "KILLED", "INTERRUPTED"),
    ],
)
def test_a_trial_ends_with_its_true_status(store, state, status, tag):
    fault = "the loss is not finite" if state is TrialState.FAILED else ""
    tracker = opened(store)
    one_trial(tracker, state=state, error=fault)
    assert tracker.close(TrialState.COMPLETE, "note") == 0
    run = runs_of(store)["t0000"]
    assert run.info.status == status
    assert run.data.tags["trial.state"] == tag
    assert run.data.tags.get("trial.error", "") == fault


def test_metrics_of_every_epoch_arrive_and_nan_is_left_out(store):
    tracker = opened(store)
    one_trial(tracker)
    tracker.close(TrialState.COMPLETE, "note")
    run = runs_of(store)["t0000"]
    client = MlflowClient(store.uri)
    history = client.get_metric_history(run.info.run_id, "mrr")
    assert [(metric.step, metric.value) for metric in history] == [(1, 0.25), (2, 0.5)]
    assert "broken" not in run.data.metrics


def test_a_second_search_reopens_the_same_runs(store):
    for note in ("first", "second"):
        tracker = opened(store)
        one_trial(tracker)
        tracker.close(TrialState.COMPLETE, note)
    assert len(runs_of(store)) == 1
    studies = runs_of(store, "softnce.study")
    assert len(studies) == 1
    assert studies["made"].data.tags["mlflow.note.content"] == "second"


def test_a_champion_told_later_leaves_its_ended_run_ended(store, tmp_path):
    tracker = opened(store)
    one_trial(tracker)
    tracker.close(TrialState.COMPLETE, "note")
    (tmp_path / "champion").mkdir()
    (tmp_path / "champion" / "model.txt").write_text("weights")
    again = opened(store)
    again.champion("t0000", tmp_path / "champion", "config: true")
    assert again.close(TrialState.COMPLETE, "note") == 0
    assert runs_of(store)["t0000"].info.status == "FINISHED"


def test_runs_that_a_dead_search_left_open_are_closed(store):
    tracker = opened(store)
    tracker.begin("t0000", "t0000-infonce", {}, {})
    wait_until(lambda: not tracker.waiting())
    assert runs_of(store)["t0000"].info.status == "RUNNING"
    opened(store)  # the process that held the first tracker is taken for dead
    assert runs_of(store)["t0000"].info.status == "KILLED"
    assert runs_of(store)["t0000"].data.tags["trial.state"] == "INTERRUPTED"


def test_the_former_champion_keeps_the_alias_previous(store, tmp_path):
    tracker = opened(store)
    for key in ("t0000", "t0001"):
        one_trial(tracker, key)
        model = tmp_path / f"model-{key}"
        model.mkdir()
        (model / "model.txt").write_text(key)
        tracker.champion(key, model, "loss: {}")
    tracker.close(TrialState.COMPLETE, "note")
    client = MlflowClient(store.uri, registry_uri=store.uri)
    runs = runs_of(store)
    for alias, key in (("champion", "t0001"), ("previous", "t0000")):
        version = client.get_model_version_by_alias("softnce-made", alias)
        assert version.run_id == runs[key].info.run_id
        assert model_file(store, alias, f"{DATA}/model.txt").read_text() == key


def test_a_champions_card_follows_a_later_verdict(store, tmp_path):
    model = tmp_path / "champion"
    model.mkdir()
    (model / "model.txt").write_text("weights")
    for card in ("Unconfirmed: so far", "Better: by 0.01"):
        (model / "README.md").write_text(card)
        tracker = opened(store)
        one_trial(tracker)
        tracker.champion("t0000", model, "loss: {}")
        assert tracker.close(TrialState.COMPLETE, card) == 0
    client = MlflowClient(store.uri, registry_uri=store.uri)
    version = client.get_model_version_by_alias("softnce-made", "champion")
    assert version.description == "Better: by 0.01"
    for place in ("README.md", f"{DATA}/README.md"):
        assert model_file(store, "champion", place).read_text() == "Better: by 0.01"
    assert len(client.search_model_versions("name = 'softnce-made'")) == 1


def test_a_moved_study_still_finds_its_artifacts(tmp_path):
    before, after = tmp_path / "before", tmp_path / "after_it"
    before.mkdir()
    store = Store(own_uri(before), "softnce/made", before)
    tracker = opened(store)
    one_trial(tracker)
    (before / "model").mkdir()
    (before / "model" / "model.txt").write_text("here")
    tracker.champion("t0000", before / "model", "config")
    tracker.close(TrialState.COMPLETE, "note")
    shutil.move(before, after)
    relocate(after)
    moved = Store(own_uri(after), "softnce/made", after)
    client = MlflowClient(moved.uri, registry_uri=moved.uri)
    assert model_file(moved, "champion", f"{DATA}/model.txt").read_text() == "here"
    version = client.get_model_version_by_alias("softnce-made", "champion")
    assert str(after) in version.source
    (model,) = client.search_logged_models([runs_of(moved)["t0000"].info.experiment_id])
    assert str(after) in model.artifact_location


def test_an_unreachable_server_is_named_without_its_password(tmp_path):
    uri = f"http://me:secret@127.0.0.1:{free_port()}"
    tracker = Tracker(Store(uri, "softnce/made", tmp_path), "made")
    with pytest.raises(SetupError) as error:
        tracker.connect()
    assert "out of reach" in str(error.value)
    assert "tracking.uri" in str(error.value)
    assert "secret" not in str(error.value)


def test_the_parent_tells_the_job_that_ran_last(store):
    for job in ("job-1", "job-2", ""):
        tracker = Tracker(store, "made")
        tracker.connect()
        tracker.open({"softnce.ray_job": job})
        tracker.close(TrialState.COMPLETE, "note")
    assert runs_of(store, "softnce.study")["made"].data.tags["softnce.ray_job"] == "job-2"


def test_events_that_are_sent_again_change_nothing(store, tmp_path):
    tracker = opened(store)
    for key in ("t0000", "t0001"):
        one_trial(tracker, key)
        champion = tmp_path / "champion"
        champion.mkdir(exist_ok=True)
        (champion / "model.txt").write_text(key)
        tracker.champion(key, champion, "loss: {}")
        assert tracker.close(TrialState.COMPLETE, "note") == 0
        tracker = opened(store)
    tracker.close(TrialState.COMPLETE, "note")
    before = told(store)
    (tmp_path / "tracking.cursor").write_text("abc")
    assert len(EventLog(tmp_path).pending()) > 10
    again = opened(store)
    assert again.close(TrialState.COMPLETE, "note") == 0
    assert told(store) == before


@pytest.mark.parametrize("is_begun", [True, False], ids=["with its begin", "begin was torn"])
def test_a_run_of_an_event_that_is_sent_late_began_when_its_trial_did(store, tmp_path, is_begun):
    events = [
        {"kind": "begin", "key": "t0000", "name": "t0000-infonce", "params": {}, "tags": {}},
        {"kind": "report", "key": "t0000", "epoch": 1, "metrics": {"mrr": 0.5}},
        {"kind": "end", "key": "t0000", "state": "complete", "error": ""},
    ]
    stamped = [{"time_ms": 1_000_000 + 1000 * at, **event} for at, event in enumerate(events)]
    lines = [json.dumps(event) + "\n" for event in stamped[not is_begun :]]
    (tmp_path / "tracking.jsonl").write_text("".join(lines))  # MLflow was away
    assert opened(store).close(TrialState.COMPLETE, "note") == 0
    run = runs_of(store)["t0000"].info
    assert (run.start_time, run.end_time) == (stamped[not is_begun]["time_ms"], 1_002_000)


def told(store):
    """All that MLflow knows of a study."""
    client = MlflowClient(store.uri, registry_uri=store.uri)
    found = {**runs_of(store), **runs_of(store, "softnce.study")}
    versions = client.search_model_versions("name = 'softnce-made'")
    runs = {}
    for key, run in found.items():
        metrics = [client.get_metric_history(run.info.run_id, name) for name in run.data.metrics]
        history = sorted((m.key, m.step, m.value, m.timestamp) for one in metrics for m in one)
        ending = run.info.end_time if key != "made" else None
        made = [one.model_id for one in run.outputs.model_outputs] if run.outputs else []
        runs[key] = (run.info.status, ending, run.data.params, run.data.tags, history, made)
    return runs, {
        one.version: (one.run_id, sorted(one.aliases), texts_in(one.source)) for one in versions
    }


def texts_in(uri):
    folder = Path(url2pathname(urlsplit(uri).path))
    return {one.name: one.read_text() for one in folder.rglob("*") if one.is_file()}
