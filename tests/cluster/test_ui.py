"""``softnce ui`` serves the study's own store, on the loopback address."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psutil
import pytest

from cluster.ui import store_uri
from softnce.errors import ConfigError
from tune_spaces.study.folder import find_study
from tune_spaces.tracking.store import Store, own_uri
from tune_spaces.tracking.tracker import Tracker
from tune_spaces.trial_state import TrialState


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "softnce-studies" / "made"
    folder.mkdir(parents=True)
    (folder / "study.json").write_text("{}")
    tracker = Tracker(Store(own_uri(folder), "softnce/made", folder), "made")
    tracker.connect()
    tracker.open({})
    tracker.begin("t0000", "t0000-infonce", {"loss": "infonce"}, {})
    tracker.end("t0000", TrialState.COMPLETE)
    tracker.close(TrialState.COMPLETE, "note")
    return folder


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def asked(port, path, body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@pytest.mark.slow
def test_the_ui_shows_the_trials_of_the_study(study):
    port = free_port()
    command = [sys.executable, "-c", "from softnce.__main__ import main; main()", "ui", "made"]
    process = subprocess.Popen(
        [*command, "--port", str(port)],
        cwd=study.parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"},
    )
    try:
        until = time.monotonic() + 300
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.3)
        found = asked(port, "/api/2.0/mlflow/experiments/search", {"max_results": 10})
        (experiment,) = [e for e in found["experiments"] if e["name"] == "softnce/made"]
        runs = asked(
            port,
            "/api/2.0/mlflow/runs/search",
            {"experiment_ids": [experiment["experiment_id"]], "max_results": 10},
        )["runs"]
        assert {run["info"]["run_name"] for run in runs} == {"made", "t0000-infonce"}
        server = psutil.Process(process.pid).children(recursive=True)
        assert len(server) == 1, "each worker takes 250 MB, and seconds to start"
        listening = subprocess.run(
            ["ss", "-ltnH", f"sport = :{port}"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        assert f"0.0.0.0:{port}" not in listening
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_a_study_is_found_by_name_by_folder_and_as_the_newest(study, monkeypatch):
    monkeypatch.chdir(study.parents[1])
    assert find_study("made") == study
    assert find_study(str(study)) == study
    assert find_study(None) == study


def test_an_unknown_study_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="nowhere: neither a study's folder"):
        find_study("nowhere")
    with pytest.raises(ConfigError, match="run softnce search"):
        find_study(None)


def test_a_taken_port_is_refused_with_a_way_out(study):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        command = [sys.executable, "-c", "from softnce.__main__ import main; main()", "ui"]
        ended = subprocess.run(
            [*command, str(study), "--port", str(port)],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
    assert ended.returncode == 3
    assert "--port" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("content", [b"", b"no database, but text" * 99])
def test_a_damaged_database_is_refused_with_its_cure(study, content):
    (study / "mlflow.db").write_bytes(content)
    with pytest.raises(ConfigError, match=r"mlflow\.db: no database .*; remove it, and the same"):
        store_uri(str(study))
