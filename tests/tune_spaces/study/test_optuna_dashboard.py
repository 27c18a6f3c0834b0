"""Optuna's own dashboard reads the storage of a study."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from tests.told_studies import told_study

PATIENCE_S = 120


def answer(url):
    with urllib.request.urlopen(url, timeout=20) as page:
        return page.read().decode()


@pytest.mark.long
def test_the_dashboard_shows_every_trial(tmp_path):
    states = ["complete", "pruned", "failed"]
    told_study(tmp_path / "told", 9, states=states, errors=["no memory"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("optuna-dashboard")
    storage = f"sqlite:///{tmp_path / 'told' / 'optuna.db'}"
    command = [str(program), "--host", "127.0.0.1", "--port", str(port), storage]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        found, until = "", time.monotonic() + PATIENCE_S
        while not found and time.monotonic() < until:
            with suppress(OSError):
                found = answer(f"http://127.0.0.1:{port}/api/studies/1")
            time.sleep(0.2)
        told = json.loads(found)
        assert told["name"] == "told"
        assert [one["state"] for one in told["trials"]] == ["Complete", "Pruned", "Fail"] * 3
        assert "<div id=" in answer(f"http://127.0.0.1:{port}/dashboard")
    finally:
        server.terminate()
        server.wait(30)
