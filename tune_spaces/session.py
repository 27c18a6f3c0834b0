"""Ray for one search: started quietly, closed to strangers, measured before anything runs."""

import json
import logging
import math
import os
import re
import secrets
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna

from softnce.config import Config, ResourcesSection
from softnce.errors import SetupError

log = logging.getLogger(__name__)
DRIVER_CPUS = "SOFTNCE_DRIVER_CPUS"  # reserved for this process by who submitted it as a job
_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # Ray's own, in the entrypoint of a job
_ENVIRONMENT = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",  # the default holds each report up for seconds
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


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the cluster has.

    Attributes:
        cpus: cores.
        gpus: GPUs.
        memory_gb: memory that tasks may use, in GB.
    """

    cpus: float
    gpus: float
    memory_gb: float


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


def start_ray(log: Path) -> Capacity:
    """Connect to RAY_ADDRESS, or start a local cluster that only this user can talk to.

    Args:
        log: file that takes what Ray's Python side says.

    Raises:
        SetupError: the cluster cannot be reached or started.
    """
    quiet_environment()
    address = os.environ.get("RAY_ADDRESS")
    if not address and "RAY_AUTH_MODE" not in os.environ:
        _close_to_strangers()
    import ray

    divert_logs(log)
    if ray.is_initialized():
        return _capacity(ray)
    forwarded = {name: os.environ[name] for name in _ENVIRONMENT}
    options: dict[str, Any] = {} if address else {"include_dashboard": False}
    try:
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": forwarded},
            **options,
        )
    except (ConnectionError, RuntimeError, OSError, ValueError, TimeoutError) as error:
        what = f"the Ray cluster at {address}" if address else "a local Ray cluster"
        cure = "check RAY_ADDRESS and its token" if address else "see the log"
        raise SetupError(f"{what} cannot be used: {_first_line(error)}; {cure}") from error
    divert_logs(log)  # Ray's own set-up puts its handlers back
    return _capacity(ray)


def _close_to_strangers() -> None:
    """Make a token for the local cluster, whose ports Ray opens to the whole network.

    Ray reads the mode once, when it is imported; a process that has imported it already, as a
    notebook may have, sets RAY_AUTH_MODE and RAY_AUTH_TOKEN before that itself.
    """
    if "ray" in sys.modules:
        log.info("ray was imported before: its local cluster starts without a token")
        return
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def require_reachable() -> None:
    """Check that something answers at RAY_ADDRESS, before any work is done.

    Raises:
        SetupError: nothing does.
    """
    address = os.environ.get("RAY_ADDRESS", "")
    found = re.fullmatch(r"(?:ray://|https?://)?([^:/]+):(\d+)/?", address)
    if found is None:
        return
    try:
        socket.create_connection((found[1], int(found[2])), timeout=5).close()
    except OSError as error:
        raise SetupError(
            f"RAY_ADDRESS {address}: nothing answers there ({error}); start the cluster, or unset "
            "RAY_ADDRESS to run on this machine"
        ) from error


def submission_id() -> str | None:
    """Return the id under which this process was submitted to a cluster as a job, if it was."""
    metadata: dict[str, str] = json.loads(os.environ.get(_JOB, "{}")).get("metadata", {})
    return metadata.get("job_submission_id")


def stop_ray() -> None:
    """Leave the cluster; a local one ends."""
    import ray

    ray.shutdown()


def concurrency(config: Config, capacity: Capacity) -> int:
    """Return how many trials run at once.

    Raises:
        SetupError: not even one trial fits; the missing resource is named.
    """
    need = config.resources
    wanted = {
        "CPU": (need.workers * need.cpus_per_worker, capacity.cpus, "resources.cpus_per_worker"),
        "GPU": (need.workers * need.gpus_per_worker, capacity.gpus, "resources.gpus_per_worker"),
        "GB of memory": (
            need.memory_gb_per_trial,
            capacity.memory_gb,
            "resources.memory_gb_per_trial",
        ),
    }
    fits = []
    for resource, (amount, available, key) in wanted.items():
        if amount > available + 1e-9:
            raise SetupError(
                f"a trial needs {amount:g} {resource} and the cluster has {available:g}: lower "
                f"{key} or resources.workers, or add nodes"
            )
        if amount > 0:
            fits.append(math.floor(available / amount + 1e-9))
    return min([*fits, need.max_concurrent or fits[0]])


def uses_train(resources: ResourcesSection) -> bool:
    """Tell whether trials run under Ray Train; auto does where its start-up is worth it."""
    if resources.executor == "auto":
        return resources.workers > 1 or resources.gpus_per_worker > 0
    return resources.executor == "train"


def divert_logs(path: Path) -> None:
    """Send what libraries log to a file instead of the terminal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    for old in [one for one in root.handlers if getattr(one, "softnce", False)]:
        root.removeHandler(old)
        old.close()
    handler.softnce = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for name in ("ray", "mlflow", "alembic", "optuna", "transformers", "sentence_transformers"):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
    logging.captureWarnings(capture=True)


def _capacity(ray: Any) -> Capacity:  # noqa: ANN401  (the module)
    total = ray.cluster_resources()
    cpus = total.get("CPU", 0) - float(os.environ.get(DRIVER_CPUS, "0"))
    return Capacity(cpus, total.get("GPU", 0), total.get("memory", 0) / 1e9)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
