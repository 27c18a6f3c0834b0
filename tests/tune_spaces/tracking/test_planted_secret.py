"""A password in the environment's address reaches the server, and no file, table or terminal."""

import base64
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest
import yaml
from mlflow import MlflowClient

from cluster.doctor import machine_checks
from cluster.doctor.check_results import line
from cluster.doctor.examine import _server
from cluster.ui import serve
from softnce.errors import SetupError
from softnce.terminal.logging_setup import log_to, logging_restored
from tests.faults import softnce
from tests.planted import PASSWORD, files_with_it, found_in
from tests.servers import free_port, started_server, stop
from tune_spaces.tracking.store import Store
from tune_spaces.tracking.tracker import Tracker
from tune_spaces.trial_state import TrialState

ENCODED, RAW = quote(PASSWORD, safe=""), PASSWORD


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The folder and the port of a real MLflow server."""
    folder = tmp_path_factory.mktemp("server")
    port = free_port()
    process = started_server(folder, port)
    yield folder, port
    stop(process)


def test_the_scan_finds_the_password_in_every_spelling(tmp_path):
    both = base64.b64encode(f"me:{PASSWORD}".encode())
    for number, text in enumerate([PASSWORD.encode(), ENCODED.encode(), both, b"p@ss", b"s3cr3t"]):
        assert found_in(b"a" * number + text)
        (tmp_path / "one").write_bytes(b"\xff" + text + b"\0")
        assert files_with_it(tmp_path) == ([tmp_path / "one"], 1)
    assert not found_in("http://***@host:5000", b"nothing")


def one_study(uri, folder):
    """Track a trial that failed over the address, a champion, and an event that is refused."""
    (folder / "champion").mkdir(parents=True)
    (folder / "champion" / "model.txt").write_text("weights")
    (folder / "champion.txt").write_text("t0000")
    tracker = Tracker(Store(uri, "softnce/planted", folder), "planted", "f" * 32)
    tracker.connect()
    tracker.open({"softnce.data": "abc"})
    tracker.begin("t0000", "t0000-infonce", {"loss": "infonce"}, {"softnce.role": "infonce"})
    tracker.report("t0000", 1, {"mrr": 0.5})
    tracker.end("t0000", TrialState.FAILED, error=f"no way to {uri}")
    tracker.begin("t0001", "x", {"loss": "infonce"}, [f"misshapen {uri}"])
    tracker.champion("t0000", folder / "champion", "loss: {}")
    logging.getLogger("urllib3").warning("retrying %s", uri)
    assert tracker.close(TrialState.COMPLETE, f"written to {uri}", timeout_s=200) == 0


@pytest.mark.slow
def test_all_that_a_study_writes_and_shows_is_free_of_it(tmp_path, monkeypatch, capfd, server):
    folder, port = server
    uri = f"http://me:{ENCODED}@127.0.0.1:{port}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with logging_restored():
        log_to(tmp_path / "study" / "softnce.log")
        one_study(uri, tmp_path / "study")
        results = [line(one) for one in machine_checks.mlflow(None)]
    with pytest.raises(SetupError, match=f"open http://127.0.0.1:{port} in") as of_ui:
        serve(uri, 1)
    assert results[0].startswith("ok ")
    assert f"http://***@127.0.0.1:{port} answers" in results[0]
    shown = [*capfd.readouterr(), *results, str(of_ui.value), str(_server(None))]
    assert not found_in(*shown)
    assert "View run" not in shown[0]
    held, looked_at = files_with_it(tmp_path / "study", folder)
    assert held == []
    assert looked_at >= 6  # log, cursor, refused, champion, database, artifacts
    client = MlflowClient(f"http://127.0.0.1:{port}")
    experiment = client.get_experiment_by_name("softnce/planted").experiment_id
    runs = {run.data.tags.get("softnce.trial"): run for run in client.search_runs([experiment])}
    assert runs["t0000"].data.tags["trial.error"].startswith("no way to http://***@127.0.0.1")
    assert not found_in(*(json.dumps(run.to_dictionary()) for run in runs.values()))


def test_a_password_that_tears_the_address_is_refused_whole(tmp_path, monkeypatch):
    uri = f"http://me:{RAW}@127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(SetupError, match="an @ follows a /") as caught:
        Tracker(Store(uri, "softnce/planted", tmp_path), "planted").connect()
    (result,) = [line(one) for one in machine_checks.mlflow(None)]
    assert result.startswith("fault ")
    with pytest.raises(SetupError) as of_ui:
        serve(uri, 1)
    assert not found_in(str(caught.value), result, str(of_ui.value), str(_server(None)))
    assert files_with_it(tmp_path)[0] == []


class AskingHandler(BaseHTTPRequestHandler):
    """Answers the version of an MLflow server, and remembers what was asked with."""

    asked: list[str] = []  # noqa: RUF012

    def do_GET(self):
        self.asked.append(f"{self.path} {self.headers}")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"1.0.0")

    def log_message(self, *_):
        pass


def test_the_servers_version_is_asked_for_at_an_address_with_a_password():
    with ThreadingHTTPServer(("127.0.0.1", 0), AskingHandler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        uri = f"http://me:{ENCODED}@127.0.0.1:{listening.server_port}"
        (result,) = machine_checks._mlflow_version(uri)
        listening.shutdown()
    assert "the server is 1.0.0" in line(result)
    assert not found_in(*AskingHandler.asked)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.ray
def test_a_whole_search_is_free_of_it(tmp_path, made_pairs, server):
    folder, port = server
    out, config = tmp_path / "study", tmp_path / "planted.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "data": {"path": str(made_pairs)},
                "encoder": {"vocabulary": 600, "dimensions": 32},
                "loss": {"name": "infonce"},
                "optim": {"epochs": 2, "batch_size": 16},
                "search": {
                    "name": "planted-search",
                    "space": {"optim/learning_rate": {"real": [0.001, 0.01], "log": True}},
                    "always_try": "infonce",
                    "trials": 2,
                },
                "resources": {"max_concurrent": 1},
            }
        )
    )
    environment = {
        "MLFLOW_TRACKING_URI": f"http://me:{ENCODED}@127.0.0.1:{port}",
        "MLFLOW_TRACKING_TOKEN": PASSWORD,
    }
    said = [
        softnce(*words, cwd=tmp_path, environment=environment)
        for words in (
            ("search", str(config), "--out", str(out), "-v"),
            ("search", str(config), "--out", str(out)),
            ("report", str(out), "--push"),
            ("logs", str(out)),
            ("logs", str(out), "t0000"),
            ("doctor", str(config)),
            ("ui", str(out), "--port", str(free_port())),
        )
    ]
    *verbs, ui = said
    assert [one.returncode for one in verbs] == [0] * len(verbs), [one.stderr for one in verbs]
    assert ui.returncode == 3
    assert not found_in(*(one.stdout + one.stderr for one in said))
    held, looked_at = files_with_it(tmp_path, folder)
    assert held == []
    names = {path.name for path in out.rglob("*")}
    assert {"config.yaml", "tracking.jsonl", "softnce.log", "champion", "optuna.db"} <= names
    assert looked_at > 20
    torn = {"MLFLOW_TRACKING_URI": f"http://me:{RAW}@127.0.0.1:{port}"}
    refused = softnce("search", str(config), "--out", f"{out}-torn", environment=torn)
    assert refused.returncode == 3, refused.stderr
    assert not found_in(refused.stdout, refused.stderr)
    assert files_with_it(tmp_path)[0] == []
