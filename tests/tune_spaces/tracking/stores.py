"""A store, and the runs in it."""

import time
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mlflow import MlflowClient

from tune_spaces.tracking.tracker import Tracker
from tune_spaces.trial_state import TrialState


def opened(store, study="made"):
    tracker = Tracker(store, study)
    tracker.connect()
    tracker.open({"softnce.data": "abc"})
    return tracker


def runs_of(store, tag="softnce.trial"):
    client = MlflowClient(store.uri, registry_uri=store.uri)
    experiment = client.get_experiment_by_name(store.experiment)
    found = client.search_runs([experiment.experiment_id])
    return {run.data.tags[tag]: run for run in found if tag in run.data.tags}


def model_file(store, alias, name, registered="softnce-made"):
    """A file of the registered model of an alias."""
    client = MlflowClient(store.uri, registry_uri=store.uri)
    version = client.get_model_version_by_alias(registered, alias)
    return Path(url2pathname(urlsplit(version.source).path)) / name


def one_trial(tracker, key="t0000", state=TrialState.COMPLETE, error=""):
    tracker.begin(key, f"{key}-infonce", {"loss": "infonce"}, {"softnce.role": "infonce"})
    tracker.report(key, 1, {"mrr": 0.25, "broken": float("nan")})
    tracker.report(key, 2, {"mrr": 0.5})
    tracker.end(key, state, error=error)


def wait_until(look):
    until = time.monotonic() + 300
    while not look():
        assert time.monotonic() < until, "what was waited for has not come"
        time.sleep(0.05)
