"""What the doctor looks at on this machine; none of it needs a network but MLflow."""

import os
import platform
import re
import stat
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from cluster.doctor.check_results import CheckResult, error_result, fault, ok, warning
from cluster.doctor.node_probe import free_gb, versions
from cluster.jobs import token_fault, token_file
from softnce.config.config import Config
from softnce.errors import SetupError
from softnce.secret import TRACKING_URI, masked, without_userinfo
from tune_spaces.study.folder import DEFAULT_ROOT

LITTLE_GB, SOME_GB = 1.0, 5.0
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_NETWORK_FILE_SYSTEMS = ("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs")


def this_python() -> Iterator[CheckResult]:
    """Name the interpreter and the packages."""
    found = versions()
    listed = ", ".join(f"{name} {version}" for name, version in found.items())
    yield ok("packages", f"python {platform.python_version()}, {listed}")


def token(*, needed: bool) -> Iterator[CheckResult]:
    """Check that Ray's token is at hand and that nobody else can read it; it is never shown.

    Args:
        needed: a cluster is examined that was started by somebody else.
    """
    path = token_file()
    is_named = "RAY_AUTH_TOKEN_PATH" in os.environ or os.environ.get("RAY_AUTH_MODE") == "token"
    if os.environ.get("RAY_AUTH_TOKEN"):
        yield ok("token", "in RAY_AUTH_TOKEN (never shown)")
    elif path.is_file():
        yield _token_file_result(path, is_used=needed or is_named)
    elif is_named:
        cure = "write the cluster's token there and chmod 600 it, or correct RAY_AUTH_TOKEN_PATH"
        yield fault("token", f"{path} is not there", cure)
    elif needed:
        cure = (
            "start the cluster with RAY_AUTH_MODE=token and one token on all nodes: its GCS and "
            "raylets listen on all interfaces, whatever the dashboard binds to"
        )
        yield warning("token", "none at hand", cure)
    else:
        yield ok("token", "none needed: a local cluster gets one of its own")


def _token_file_result(path: Path, *, is_used: bool) -> CheckResult:
    """Check a token file; one that is not used is no fault: Ray itself leaves such, open to all."""
    mode, result = stat.S_IMODE(path.stat().st_mode), fault if is_used else warning
    if mode & _OPEN_TO_OTHERS:
        return result(
            "token", f"{path} has mode {mode:04o}, others may read it", f"chmod 600 {path}"
        )
    found = token_fault(path)
    if found:
        return result("token", found, "write the cluster's token into it")
    return ok("token", f"{path}, mode {mode:04o} (never shown)")


def disks(config: Config | None) -> Iterator[CheckResult]:
    """Check the space for studies, Ray's sessions and its object store."""
    storage = config.resources.storage_path if config else None
    cache = config.resources.cache if config else None
    studies = Path(storage) / "studies" if storage else DEFAULT_ROOT.resolve()
    places = {"studies": studies, "temporary files": Path(tempfile.gettempdir())}
    if cache:
        places["cache"] = Path(cache).expanduser()
    for name, path in places.items():
        yield space(f"disk for {name}", str(path), free_gb(path))
    if Path("/dev/shm").is_dir():  # noqa: S108
        yield shared_memory(free_gb("/dev/shm"))  # noqa: S108


def space(subject: str, path: str, free: float) -> CheckResult:
    """Judge the free space of a place."""
    found = f"{free:.1f} GB free at {path}"
    cure = "make room, or move it (resources.storage_path, --out, TMPDIR)"
    if free < LITTLE_GB:
        return fault(subject, found, cure)
    return warning(subject, found, cure) if free < SOME_GB else ok(subject, found)


def shared_memory(free: float, where: str = "") -> CheckResult:
    """Judge /dev/shm, where Ray keeps its objects."""
    subject, found = f"shared memory{where}", f"{free:.1f} GB free at /dev/shm"
    if free < LITTLE_GB:
        cure = "docker run --shm-size=2g, or an emptyDir of medium Memory at /dev/shm"
        return warning(subject, f"{found}: Ray falls back to the disk", cure)
    return ok(subject, found)


def storage(config: Config | None, *, needed: bool) -> Iterator[CheckResult]:
    """Check the shared folder as this machine sees it."""
    path = config.resources.storage_path if config else None
    subject = "storage"
    if path is None:
        if needed:
            cure = "set resources.storage_path to a folder that all nodes and this machine see"
            yield warning(
                subject, "resources.storage_path is not set; softnce submit needs it", cure
            )
        return
    if not Path(path).is_dir():
        yield fault(subject, f"{path} is not there", "mount it here too, or create the folder")
        return
    try:
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        yield fault(subject, f"{path} cannot be written: {error.strerror}", "mend its rights")
        return
    kind = _file_system(Path(path))
    yield ok(subject, f"{path} can be written ({kind})")
    if kind in _NETWORK_FILE_SYSTEMS and not tracking_uri(config):
        cure = "run an MLflow server and set MLFLOW_TRACKING_URI"
        yield warning(subject, f"mlflow.db would lie on {kind}, which SQLite dislikes", cure)


def _file_system(path: Path) -> str:
    best, kind = "", "unknown"
    try:
        mounts = Path("/proc/mounts").read_text().splitlines()
    except OSError:
        return kind
    for mount in mounts:
        _, point, name, *_ = mount.split(" ")
        if path.resolve().is_relative_to(point) and len(point) > len(best):
            best, kind = point, name
    return kind


def mlflow(config: Config | None) -> Iterator[CheckResult]:
    """Check that the tracking server answers, takes what is written, and has our version."""
    uri = tracking_uri(config)
    if uri is None:
        yield ok("MLflow", "no server: each study keeps its own mlflow.db, written by the search")
        return
    from tune_spaces.tracking.store import Store
    from tune_spaces.tracking.tracker import Tracker
    from tune_spaces.trial_state import TrialState

    shown = masked(uri)
    with tempfile.TemporaryDirectory() as folder:
        tracker = Tracker(Store(uri, "softnce/doctor", Path(folder)), "doctor")
        try:
            tracker.connect()
            tracker.open({"softnce.doctor": "this run proves that the server can be written"})
            waiting = tracker.close(TrialState.COMPLETE, "written by softnce doctor")
        except SetupError as error:
            yield error_result("MLflow", error, "look at the server's log")
            return
    if waiting:
        cure = "look at the server's log and its rights"
        yield fault("MLflow", f"{shown} answers but does not take what is written", cure)
        return
    yield ok("MLflow", f"{shown} answers and can be written (experiment softnce/doctor)")
    yield from _mlflow_version(uri)


def _mlflow_version(uri: str) -> Iterator[CheckResult]:
    ours = versions().get("mlflow", "")
    if not uri.startswith(("http://", "https://")):
        return
    address = f"{without_userinfo(uri).rstrip('/')}/version"
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310  (checked above)
            theirs = answer.read(40).decode(errors="replace").strip()
    except (urllib.error.URLError, OSError, ValueError):
        return
    if not re.fullmatch(r"[\w.]+", theirs):
        return
    if theirs.split(".")[:2] != ours.split(".")[:2]:
        cure = f"run the server with mlflow {ours}"
        yield warning("MLflow", f"the server is {theirs}, this machine has {ours}", cure)


def tracking_uri(config: Config | None) -> str | None:
    """Return the tracking server that a search would use, if any."""
    own = config.tracking.uri if config else None
    return own or os.environ.get(TRACKING_URI) or None
