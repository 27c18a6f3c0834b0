"""Is this machine, or that cluster, ready for a search? One line per check, each fault with a cure.

Without an address a local cluster is started and stopped again; with one, a small job asks every
node.
"""

import json
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from cluster.doctor import machine_checks, node_probe
from cluster.doctor.check_results import CheckResult, error_result, ok
from cluster.doctor.node_checks import node_results
from cluster.jobs import connect, require_token, server_version
from softnce.config.config import Config
from softnce.errors import SetupError
from softnce.secret import without_userinfo

_PROBE_S = 300.0
_LOOK_EVERY_S = 0.5


def examine(config: Config | None, address: str | None) -> Iterator[CheckResult]:
    """Yield the result of each check as soon as it is known.

    Args:
        config: what is to run; without it, what any search needs.
        address: of a cluster's dashboard; without it this machine alone is looked at.
    """
    is_remote = address is not None
    yield from chain(
        machine_checks.this_python(),
        machine_checks.token(needed=is_remote),
        machine_checks.disks(config),
        machine_checks.storage(config, needed=is_remote),
        machine_checks.mlflow(config),
        _cluster(config, address) if address else _local(config),
    )


def _local(config: Config | None) -> Iterator[CheckResult]:
    """Start a local cluster as a search would, ask it, and stop it."""
    from tune_spaces.ray_session import session

    with tempfile.TemporaryDirectory() as folder:
        try:
            require_token()
            with session.connected(Path(folder) / "ray.log"):
                report = node_probe.gather(_storage(config), None)
        except SetupError as error:
            yield error_result("Ray", error, "free memory, disk or ports")
            return
    yield ok("Ray", "a local cluster starts")
    yield from node_results(report, config, is_ours=True)


def _cluster(config: Config | None, address: str) -> Iterator[CheckResult]:
    try:
        client = connect(address)
    except SetupError as error:
        yield error_result("Ray", error, "look at ray status on the head node")
        return
    yield ok("Ray", f"the job server at {address} answers (Ray {server_version(client)})")
    try:
        report = _probed(client, config)
    except SetupError as error:
        cure = "look at the job in the dashboard, and at ray status"
        yield error_result("jobs", error, cure)
        return
    yield ok("jobs", "a job runs and its log arrives")
    yield from node_results(report, config, is_ours=False)


def _probed(client: Any, config: Config | None) -> dict[str, Any]:  # noqa: ANN401
    """Send the probe as a job and read its report.

    Raises:
        SetupError: the job does not start, or fails.
    """
    wanted = {"storage": _storage(config), "mlflow": _server(config)}
    with tempfile.TemporaryDirectory(prefix="softnce-probe-") as folder:
        shutil.copy(node_probe.__file__, Path(folder) / "node_probe.py")
        name = client.submit_job(
            entrypoint=f"python node_probe.py {shlex.quote(json.dumps(wanted))}",
            runtime_env={"working_dir": folder},
        )
    status = _awaited(client, name)
    log = str(client.get_job_logs(name))
    for line in log.splitlines():
        if line.startswith(node_probe.MARK):
            report: dict[str, Any] = json.loads(line.removeprefix(node_probe.MARK))
            return report
    last = (log.strip().splitlines() or ["no log"])[-1][:200]
    raise SetupError(f"the probe {name} {status}: {last}")


def _awaited(client: Any, name: str) -> str:  # noqa: ANN401
    until = time.monotonic() + _PROBE_S
    while time.monotonic() < until:
        status = client.get_job_status(name)
        if status.is_terminal():
            return str(status.value).lower()
        time.sleep(_LOOK_EVERY_S)
    client.stop_job(name)
    return f"did not end in {_PROBE_S:.0f} s"


def _storage(config: Config | None) -> str | None:
    return config.resources.storage_path if config else None


def _server(config: Config | None) -> str | None:
    """Return the server's address as it may stand in a job's command, for all to see."""
    uri = machine_checks.tracking_uri(config)
    return without_userinfo(uri) if uri and uri.startswith(("http://", "https://")) else None
