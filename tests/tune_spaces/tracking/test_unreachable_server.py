"""A real server process that goes away and comes back, and events that wait for it."""

import json

import pytest

from tests.servers import free_port, started_server, stop
from tests.tune_spaces.tracking.stores import one_trial, opened, runs_of, wait_until
from tune_spaces.tracking.store import Store
from tune_spaces.trial_state import TrialState


@pytest.mark.slow
def test_a_server_that_is_away_loses_no_metric(tmp_path, caplog):
    port = free_port()
    server = started_server(tmp_path, port)
    store = Store(f"http://127.0.0.1:{port}", "softnce/made", tmp_path)
    try:
        tracker = opened(store)
        one_trial(tracker, "t0000")
        stop(server)
        one_trial(tracker, "t0001")
        assert tracker.waiting() >= 4  # who trains has not waited until they arrived
        wait_until(lambda: "trying again" in caplog.text)
        server = started_server(tmp_path, port)
        assert tracker.close(TrialState.COMPLETE, "note", timeout_s=300.0) == 0
        runs = runs_of(store)
        assert {key: run.info.status for key, run in runs.items()} == {
            "t0000": "FINISHED",
            "t0001": "FINISHED",
        }
        assert runs["t0001"].data.metrics["mrr"] == 0.5
    finally:
        stop(server)


@pytest.mark.long
@pytest.mark.slow
def test_events_for_a_server_that_never_returns_wait_in_the_folder(tmp_path):
    port = free_port()
    server = started_server(tmp_path, port)
    store = Store(f"http://127.0.0.1:{port}", "softnce/made", tmp_path)
    try:
        tracker = opened(store)
        stop(server)
        one_trial(tracker)
        left = tracker.close(TrialState.COMPLETE, "note", timeout_s=3.0)
        assert left >= 4
        lines = (tmp_path / "tracking.jsonl").read_text().splitlines()
        assert [json.loads(line)["kind"] for line in lines][:2] == ["begin", "report"]
        server = started_server(tmp_path, port)
        again = opened(store)
        assert again.close(TrialState.COMPLETE, "note", timeout_s=300.0) == 0
        assert runs_of(store)["t0000"].data.metrics["mrr"] == 0.5
    finally:
        stop(server)
