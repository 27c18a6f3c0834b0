"""Studies of one name in one MLflow store stay apart; a lost store is made anew from the log."""

import subprocess
import sys

import pytest
from mlflow import MlflowClient

from tune_spaces.tracking.store import Store, own_uri
from tune_spaces.tracking.tracker import Tracker
from tune_spaces.trial_state import TrialState


def one_trial(store, study_id, mrr):
    """Track a study of one trial, its champion, and close it."""
    tracker = Tracker(store, "made", study_id)
    tracker.connect()
    tracker.open({"softnce.data": study_id})
    tracker.begin("t0000", "t0000-infonce", {"loss": "infonce"}, {})
    tracker.report("t0000", 1, {"mrr": mrr})
    tracker.end("t0000", TrialState.COMPLETE)
    champion = store.folder / "champion"
    champion.mkdir(parents=True, exist_ok=True)
    (champion / "model.txt").write_text(study_id)
    (store.folder / "champion.txt").write_text("t0000")
    tracker.champion("t0000", champion, "loss: {name: infonce}")
    assert tracker.close(TrialState.COMPLETE, "the end", timeout_s=200) == 0


def trials(client, experiment):
    (found,) = [one for one in client.search_experiments() if one.name == experiment]
    runs = client.search_runs([found.experiment_id])
    return [run for run in runs if "softnce.trial" in run.data.tags]


@pytest.mark.slow
def test_studies_of_one_name_share_no_run_and_no_model(tmp_path):
    uri = f"sqlite:///{tmp_path / 'shared.db'}"
    for study_id, mrr in (("a" * 32, 0.25), ("b" * 32, 0.75)):
        folder = tmp_path / study_id[:1]
        folder.mkdir()
        one_trial(Store(uri, "softnce/made", folder), study_id, mrr)
    client = MlflowClient(uri, registry_uri=uri)
    found = {run.data.tags["softnce.study.id"]: run for run in trials(client, "softnce/made")}
    assert {name: run.data.metrics["mrr"] for name, run in found.items()} == {
        "a" * 32: 0.25,
        "b" * 32: 0.75,
    }
    models = {"softnce-made": "a" * 32, f"softnce-made-{'b' * 8}": "b" * 32}
    for name, study_id in models.items():
        version = client.get_model_version_by_alias(name, "champion")
        assert version.run_id == found[study_id].info.run_id
    again = Tracker(Store(uri, "softnce/made", tmp_path / "b"), "made", "b" * 32)
    again.connect()
    again.open({})
    again.begin("t0000", "t0000-infonce", {"loss": "infonce"}, {})
    assert again.close(TrialState.INTERRUPTED, "again", timeout_s=200) == 0
    assert len(trials(client, "softnce/made")) == 2


PUSH_AGAIN = """
import sys
from pathlib import Path
from mlflow import MlflowClient
from tune_spaces.tracking.store import Store, own_uri
from tune_spaces.tracking.tracker import Tracker
from tune_spaces.trial_state import TrialState

folder = Path(sys.argv[1])
store = Store(own_uri(folder), "softnce/made", folder)
tracker = Tracker(store, "made", "c" * 32)
print(tracker.waiting())
tracker.connect()
tracker.open({})
print(tracker.close(TrialState.COMPLETE, "the end", timeout_s=200))
client = MlflowClient(store.uri, registry_uri=store.uri)
experiment = client.get_experiment_by_name("softnce/made").experiment_id
(run,) = [r for r in client.search_runs([experiment]) if "softnce.trial" in r.data.tags]
champion = client.get_model_version_by_alias("softnce-made", "champion")
print(run.data.metrics["mrr"], run.info.status, champion.run_id == run.info.run_id)
"""


@pytest.mark.slow
@pytest.mark.parametrize("is_there", [False, True], ids=["gone", "empty"])
def test_a_lost_database_is_made_anew_from_the_event_log(tmp_path, is_there):
    store = Store(own_uri(tmp_path), "softnce/made", tmp_path)
    one_trial(store, "c" * 32, 0.5)
    (tmp_path / "mlflow.db").unlink()
    if is_there:
        (tmp_path / "mlflow.db").touch()
    ended = subprocess.run(  # MLflow keeps a database open, once used in a process
        [sys.executable, "-c", PUSH_AGAIN, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == ["5", "0", "0.5", "FINISHED", "True"]
