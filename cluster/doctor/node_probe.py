"""Asks every node of a Ray cluster what it holds.

A script that needs nothing but Ray, so that a cluster without softnce can be examined too: the
doctor sends it as a job and reads the one line it prints.
"""

import contextlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import secrets
import shutil
import socket
import sys
import urllib.parse
from pathlib import Path
from typing import Any

MARK = "softnce-probe: "
PACKAGES = ("softnce", "ray", "torch", "optuna", "mlflow", "transformers", "sentence-transformers")
_WAIT_S = 120.0
_CONNECT_S = 5.0


def gather(storage: str | None, mlflow: str | None) -> dict[str, Any]:
    """Ask all living nodes; after ray.init.

    Args:
        storage: folder that all should see.
        mlflow: address of a server that the search will write to.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    marker = _left_marker(storage)
    living = [node for node in ray.nodes() if node["Alive"]]
    remote_look = ray.remote(num_cpus=0, max_retries=0)(look)
    requested = {
        remote_look.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=node["NodeID"], soft=False)
        ).remote(storage, marker): node
        for node in living
    }
    ready, _ = ray.wait(list(requested), num_returns=len(requested), timeout=_WAIT_S)
    nodes = []
    for reference, node in requested.items():
        answer: dict[str, Any] = {}
        if reference in ready:
            with contextlib.suppress(ray.exceptions.RayError):
                answer = ray.get(reference)
        nodes.append({**answer, "ip": node["NodeManagerAddress"], "answers": bool(answer)})
    if storage and marker:
        (Path(storage) / marker).unlink(missing_ok=True)
    return {"resources": ray.cluster_resources(), "nodes": nodes, "mlflow": _is_reached(mlflow)}


def look(storage: str | None, marker: str | None) -> dict[str, Any]:
    """Describe the machine this runs on."""
    return {
        "host": socket.gethostname(),
        "python": platform.python_version(),
        "versions": versions(),
        "softnce": importlib.util.find_spec("softnce") is not None,
        "uv": shutil.which("uv") is not None,
        "sees": bool(storage and marker and (Path(storage) / marker).is_file()),
        "writes": bool(storage and os.access(storage, os.W_OK | os.X_OK)),
        "free_gb": {path: free_gb(path) for path in (storage, "/tmp", "/dev/shm") if path},  # noqa: S108
    }


def versions() -> dict[str, str]:
    """Return the versions of the packages that matter; those that are missing are absent."""
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def free_gb(path: str | Path) -> float:
    """Return the free space where a path lies, or would lie."""
    place = Path(path)
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free / 1e9


def _left_marker(storage: str | None) -> str | None:
    """Leave a file on the storage, for the other nodes to find."""
    if storage is None:
        return None
    name = f".softnce-doctor-{secrets.token_hex(4)}"
    try:
        (Path(storage) / name).touch()
    except OSError:
        return None
    return name


def _is_reached(address: str | None) -> bool | None:
    if address is None:
        return None
    try:
        parts = urllib.parse.urlsplit(address)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((str(parts.hostname), port), timeout=_CONNECT_S).close()
    except (OSError, ValueError):
        return False
    return True


def _main() -> None:
    import ray

    ray.init(log_to_driver=False, logging_level="ERROR")
    print(MARK + json.dumps(gather(**json.loads(sys.argv[1]))), flush=True)  # noqa: T201


if __name__ == "__main__":
    _main()
