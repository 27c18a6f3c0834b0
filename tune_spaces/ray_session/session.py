"""Ray for one search: started quietly, closed to strangers, left as it was found."""

import json
import logging
import os
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna

from softnce.config.config import Config
from softnce.errors import SetupError
from softnce.terminal.logging_setup import log_to
from tune_spaces.ray_session.capacity import Capacity, concurrency, require_possible
from tune_spaces.ray_session.local_cluster import closed_to_strangers, require_known_mode

log = logging.getLogger(__name__)
DRIVER_CPUS = "SOFTNCE_DRIVER_CPUS"  # reserved for this process by who submitted it as a job
_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # Ray's own, in the entrypoint of a job
_ENVIRONMENT = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",  # the default holds each report up for seconds
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "31536000",  # waiting is reported, never a failure
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # a process per trial; a lost worker is met anyway
    "RAY_TRAIN_ENABLE_CONTROLLER_STRUCTURED_LOGGING": "0",  # its process is the trial's own
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_OVERRIDE_JOB_RUNTIME_ENV": "1",  # a job may set some of these itself
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # ours stops trials so that they stay resumable
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_AIR_NEW_OUTPUT": "0",  # its tables do not heed verbose=0
    "TUNE_MAX_PENDING_TRIALS_PG": "16",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}


def quiet_environment() -> None:
    """Set what Ray and its friends read at import; call before importing them.

    Under ``uv run`` Ray by default uploads the current folder and starts every worker in the copy.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    optuna.logging.disable_default_handler()
    optuna.logging.enable_propagation()
    if "RAY_ADDRESS" not in os.environ:  # on a cluster the copy is what the workers need
        os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")


@contextmanager
def connected(log: Path | None) -> Iterator[Capacity]:
    """Connect to RAY_ADDRESS in the block, or start a local cluster that only this user can use.

    A connection that the caller has made, perhaps a notebook, is used and left as it is.

    Args:
        log: file that takes what Ray's Python side says; None leaves it where it goes.

    Raises:
        SetupError: the cluster cannot be reached or started.
    """
    quiet_environment()
    require_known_mode()
    if _is_connected():
        if log is not None:
            log_to(log)
        yield _capacity()
    elif os.environ.get("RAY_ADDRESS"):
        with _started(log, f"the Ray cluster at {os.environ['RAY_ADDRESS']}", {}) as capacity:
            yield capacity
    else:
        with (
            closed_to_strangers() as folder,
            _started(
                log, "a local Ray cluster", {"include_dashboard": False, "_temp_dir": str(folder)}
            ) as capacity,
        ):
            yield capacity


@contextmanager
def _started(log: Path | None, what: str, options: Mapping[str, Any]) -> Iterator[Capacity]:
    import ray

    if log is not None:
        log_to(log)
    address = os.environ.get("RAY_ADDRESS") or "local"
    forwarded = {name: os.environ[name] for name in _ENVIRONMENT}
    try:
        try:
            _init(ray, address=address, runtime_env={"env_vars": forwarded}, **options)
        except Exception as error:  # Ray raises bare Exceptions here, too
            logs = f"see the log, and Ray's in {options.get('_temp_dir')}"
            cure = logs if address == "local" else "check RAY_ADDRESS and its token"
            raise SetupError(f"{what} cannot be used: {_first_line(error)}", cure) from error
        if log is not None:
            log_to(log)  # Ray's own set-up puts its handlers back
        yield _capacity()
    finally:
        ray.shutdown()


def _init(ray: Any, **options: Any) -> None:  # noqa: ANN401  (the module, and Ray's options)
    """Start Ray; once more where a busy machine did not bring a local cluster up in time."""
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        ray.init(**quiet, **options)
    except Exception as error:
        if "timed out during startup" not in str(error):
            raise
        log.warning("Ray did not start in time; trying once more")
        ray.shutdown()
        ray.init(**quiet, **options)


def require_reachable() -> None:
    """Check that something answers at RAY_ADDRESS, before any work is done.

    Raises:
        SetupError: nothing does, or RAY_AUTH_MODE is not one of Ray's.
    """
    require_known_mode()
    address = os.environ.get("RAY_ADDRESS", "")
    found = re.fullmatch(r"(?:ray://|https?://)?([^:/]+):(\d+)/?", address)
    if found is None:
        return
    try:
        socket.create_connection((found[1], int(found[2])), timeout=5).close()
    except OSError as error:
        raise SetupError(
            f"RAY_ADDRESS {address}: nothing answers there ({error})",
            "start the cluster, or unset RAY_ADDRESS to run on this machine",
        ) from error


def submission_id() -> str | None:
    """Return the id under which this process was submitted to a cluster as a job, if it was."""
    metadata: dict[str, str] = json.loads(os.environ.get(_JOB, "{}")).get("metadata", {})
    return metadata.get("job_submission_id")


@contextmanager
def with_room(config: Config) -> Iterator[None]:
    """Refuse what can never fit, before data are read; a cluster stays connected in the block.

    Raises:
        SetupError: the missing resource is named.
    """
    if not joins_a_cluster():
        require_possible(config)
        yield
        return
    with connected(None) as capacity:
        concurrency(config, capacity)
        yield


def joins_a_cluster() -> bool:
    """Tell whether trials run where RAY_ADDRESS says, or in a session that the caller has made."""
    return bool(os.environ.get("RAY_ADDRESS")) or _is_connected()


def _is_connected() -> bool:
    """Tell whether the caller, perhaps a notebook, has brought Ray along."""
    return "ray" in sys.modules and bool(sys.modules["ray"].is_initialized())


def _capacity() -> Capacity:
    import ray

    nodes = [_left_by_the_driver(node, ray) for node in ray.nodes() if node["Alive"]]
    return Capacity(nodes, sum(node.get("memory", 0.0) for node in nodes) / 1e9)


def _left_by_the_driver(node: Mapping[str, Any], ray: Any) -> Mapping[str, float]:  # noqa: ANN401
    """Return a node's resources, less what is reserved for this very process on its node."""
    resources: dict[str, float] = dict(node["Resources"])
    if node["NodeID"] == ray.get_runtime_context().get_node_id():
        reserved = float(os.environ.get(DRIVER_CPUS, "0"))
        resources["CPU"] = max(resources.get("CPU", 0.0) - reserved, 0.0)
    return resources


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
