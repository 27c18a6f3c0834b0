"""Real Ray clusters for tests: node processes of their own, on free ports, gone afterwards."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.servers import free_port


@contextmanager
def head_node(*, cpus: int, has_dashboard: bool, environment: Mapping[str, str]) -> Iterator[str]:
    """Run a head node and yield its address."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as temp:
        command = [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
            *("--node-ip-address", "127.0.0.1", "--port", str(port), "--num-cpus", str(cpus)),
            *("--include-dashboard", str(has_dashboard).lower()),
            *("--dashboard-port", str(free_port()), "--ray-client-server-port", str(free_port())),
            *("--dashboard-agent-listen-port", str(free_port())),
            *("--min-worker-port", "0", "--max-worker-port", "0"),
            *("--object-store-memory", "200000000", "--temp-dir", temp),
        ]
        log = Path(temp) / "start.log"
        with log.open("w") as said:
            process = subprocess.Popen(
                command, stdout=said, stderr=said, env=dict(environment), start_new_session=True
            )
        try:
            _wait_until_it_answers(port, process, log)
            yield f"127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _wait_until_it_answers(port: int, process: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + 300
    while "Ray runtime started" not in log.read_text():
        if time.monotonic() > until or process.poll() is not None:
            raise RuntimeError(f"the head node on {port} did not start: {log.read_text()}")
        time.sleep(0.2)


def run_python(script: str, *arguments: str, environment: Mapping[str, str]) -> str:
    """Run a script in a process of its own and return what it prints."""
    ended = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env=dict(environment),
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def left_running() -> list[str]:
    """Return the titles of Ray processes of ours that belong to a trial."""
    own = psutil.Process().children(recursive=True)
    titles = [" ".join(one.cmdline()).strip() for one in own if one.status() != "zombie"]
    return [
        one for one in titles if re.match(r"ray::\w*(Trial|Train|RunChannel|PlacementGroup)", one)
    ]


LEFT_BEHIND = """
import json, time, ray
from ray.util.placement_group import placement_group_table
ray.init(address="auto", log_to_driver=False, logging_level=40)
until = time.monotonic() + 120
while True:
    groups = [one for one in placement_group_table().values() if one["state"] != "REMOVED"]
    busy = ray.cluster_resources()["CPU"] - ray.available_resources().get("CPU", 0)
    if (not groups and busy == 0) or time.monotonic() > until:
        break
    time.sleep(0.5)
print(json.dumps({"groups": len(groups), "busy_cpus": busy}))
"""
