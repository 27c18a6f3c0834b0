"""``ray job submit`` for a study: what it needs travels with it, and its exit code comes back."""

import os
import secrets
import shlex
import signal
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from cluster.jobs import (
    SubmittedJob,
    Write,
    connect,
    dashboard_link,
    server_version,
    token_file,
)
from cluster.submit.package import Package, pack
from cluster.submit.upload import Upload, storage, uploaded
from softnce.config.config import Config
from softnce.config.file import to_yaml, with_overrides
from softnce.errors import EXIT_KILLED, EXIT_OK, EXIT_STOPPED, ConfigError, SetupError
from softnce.secret import TRACKING_URI, holds_password, masked
from tune_spaces.ray_session.session import DRIVER_CPUS
from tune_spaces.study.folder import StudyFolder, study_folder

Runner = Literal["auto", "image", "uv"]
STOP_WAIT_S = 60
_UV = "uv run --no-dev softnce"
_NOT_FOUND = 127  # the shell's
_SENT = (TRACKING_URI, "MLFLOW_EXPERIMENT_NAME", "HF_HUB_OFFLINE")
_SECRETS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN",
            "HF_TOKEN")  # fmt: skip


@dataclass(frozen=True, slots=True)
class SubmitOptions:
    """How a job is brought to the cluster.

    Attributes:
        project: folder with the code.
        excludes: patterns of paths in it that stay here.
        runner: image: the cluster's own ``softnce``; uv: ``uv run softnce``; auto: the first that
            is there.
        waits: follow the job to its end.
    """

    project: Path
    excludes: Sequence[str] = ()
    runner: Runner = "auto"
    waits: bool = True


def submit(
    config: Config,
    *,
    source: str,
    address: str | None,
    out: Path | None,
    options: SubmitOptions,
    write: Write,
) -> int:
    """Run or continue a study as a job of a Ray cluster.

    Args:
        config: of the study, with ``resources.storage_path``.
        source: names the study where ``search.name`` does not.
        address: of the cluster's dashboard.
        out: the study's folder, below the storage.
        options: what travels.
        write: takes text for the terminal.

    Returns:
        0 done, the search's own code where it failed, 4 stopped with everything kept.

    Raises:
        ConfigError: a setting cannot work on a cluster.
        SetupError: the cluster or the storage is out of reach, or the package is too large.
    """
    _require_fit(config, options)
    root = storage(config)
    client = connect(address)
    _require_same_ray(client, options.runner)
    folder = _study(config, source, out, root)
    config, uploads = uploaded(with_overrides(config, {"search/name": folder.name}))
    write("".join(_upload_line(one) for one in uploads))
    stays = _inside(options.project, [token_file(), *(one.source for one in uploads)])
    with tempfile.TemporaryDirectory(prefix="softnce-job-") as building:
        package = pack(options.project, Path(building), excludes=[*options.excludes, *stays])
        write(_packed(package, options.project))
        name = _sent(client, config, package, folder, options.runner)
    job = SubmittedJob(client, name, write)
    write(f"job {job.name} submitted: {dashboard_link(client, job.name)}\n")
    write(f"study {folder.name}: {folder.root}\n")
    if options.waits:
        write("Ctrl-C stops the job and keeps the study (with --no-wait the job runs on)\n")
        return _ended(job, write)
    write(
        f"ray job logs --follow {job.name} shows its log; ray job stop {job.name} stops it and "
        "keeps the study\n"
    )
    return EXIT_OK


def _sent(
    client: Any,  # noqa: ANN401
    config: Config,
    package: Package,
    folder: StudyFolder,
    runner: Runner,
) -> str:
    """Hand the package and the resolved configuration to the job server."""
    settings = f"{folder.name}.job.yaml"
    (package.folder / settings).write_text(to_yaml(config))
    return str(
        client.submit_job(
            entrypoint=entrypoint(runner, settings, folder.root),
            submission_id=f"softnce-{folder.name}-{secrets.token_hex(4)}",
            runtime_env={"working_dir": str(package.folder), "env_vars": _variables(config)},
            metadata={"softnce.study": folder.name},
            entrypoint_num_cpus=config.resources.driver_cpus,
        )
    )


def runner_named(name: str) -> Runner:
    """Check the name of a runner.

    Raises:
        ConfigError: there is none of that name.
    """
    for known in get_args(Runner):
        if known == name:
            return cast("Runner", known)
    raise ConfigError(
        f"--runner {name}: unknown",
        f"choose one of {', '.join(get_args(Runner))}",
    )


def entrypoint(runner: Runner, settings: str, folder: Path) -> str:
    """Return the shell command that searches, on the cluster.

    >>> entrypoint("image", "tiny.job.yaml", Path("/shared/studies/tiny"))
    'softnce search tiny.job.yaml --out /shared/studies/tiny'
    """
    search = f"search {shlex.quote(settings)} --out {shlex.quote(str(folder))}"
    if runner == "auto":
        return f"exec $(command -v softnce || echo {_UV}) {search}"
    return f"{'softnce' if runner == 'image' else _UV} {search}"


def _ended(job: SubmittedJob, write: Write) -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell ignores it
    try:
        code = job.follow()
    except KeyboardInterrupt:
        write(
            f"\nstopping {job.name}; the study is kept. Press Ctrl-C again to stop waiting for it\n"
        )
        try:
            job.stop()
            code = job.follow()
        except KeyboardInterrupt:
            write(f"\n{job.name} is still stopping: see ray job status {job.name}\n")
            return EXIT_KILLED
    words = {
        EXIT_OK: "done",
        EXIT_STOPPED: "stopped early; the same command continues the study",
        _NOT_FOUND: "the cluster has neither softnce nor uv in its image (cluster/Dockerfile)",
    }
    write(f"job {job.name}: {words.get(code, f'failed with code {code}')}\n")
    return code


def _study(config: Config, source: str, out: Path | None, root: Path) -> StudyFolder:
    folder = study_folder(config, source, out)
    if not folder.root.is_relative_to(root.resolve()):
        raise ConfigError(
            f"--out {folder.root} is not below resources.storage_path {root}, so the nodes do "
            "not share it",
            "leave --out away, or name a folder there",
        )
    return folder


def _variables(config: Config) -> dict[str, str]:
    """Return what the job's processes find in their environment; never a secret."""
    sent = {name: os.environ[name] for name in _SENT if os.environ.get(name)}
    return {
        **sent,
        "RAY_JOB_STOP_SIGNAL": "SIGINT",
        "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_WAIT_S),
        DRIVER_CPUS: f"{config.resources.driver_cpus:g}",
    }


def _upload_line(upload: Upload) -> str:
    how = "uploaded to" if upload.is_new else "is already in"
    return f"{upload.source} ({upload.size_mb:.1f} MB) {how} {upload.target}\n"


def _packed(package: Package, project: Path) -> str:
    kept = [name for name in _SECRETS if name in os.environ]
    text = f"packed {package.files} files of {project.resolve()} ({package.size_mb:.1f} MB)\n"
    if kept:
        text += f"{', '.join(kept)} are not sent: set them in the cluster's own environment\n"
    return text


def _inside(project: Path, sources: Sequence[Path]) -> list[str]:
    """Return patterns of what lies in the project and does not travel with it."""
    root = project.resolve()
    inner = [one.resolve() for one in sources if one.resolve().is_relative_to(root)]
    return [
        str(one.relative_to(root)) + ("/*" if one.is_dir() else "") for one in inner if one != root
    ]


def _require_fit(config: Config, options: SubmitOptions) -> None:
    """Check what needs neither the cluster nor the storage."""
    if not options.project.is_dir():
        raise ConfigError(
            f"--working-dir {options.project}: there is no such folder",
            "name the folder with the project's code",
        )
    if options.runner == "uv" and not (options.project / "pyproject.toml").is_file():
        raise ConfigError(
            f"--runner uv: {options.project} has no pyproject.toml that uv could install from",
            "submit from the project's folder, or use an image with softnce (--runner image)",
        )
    _require_shared_store(config)


def _require_shared_store(config: Config) -> None:
    stores = {"tracking.uri": config.tracking.uri, TRACKING_URI: os.environ.get(TRACKING_URI)}
    for name, uri in stores.items():
        if uri and holds_password(uri):
            raise ConfigError(
                f"{name} holds a password, which a job would show to everyone who sees the cluster",
                "give MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to the "
                "cluster's own environment instead",
            )
        if uri and not uri.startswith(("http://", "https://")):
            raise ConfigError(
                f"{name} {masked(uri)}: on a cluster MLflow must be a server (http or https)",
                "give a server's address, or leave the setting out: then the search writes "
                "mlflow.db in the study's folder",
            )


def _require_same_ray(client: Any, runner: Runner) -> None:  # noqa: ANN401
    import ray

    theirs = server_version(client)
    if runner == "uv" and theirs != ray.__version__:
        raise SetupError(
            f"the cluster runs Ray {theirs}, the job's environment would bring {ray.__version__}",
            "start the cluster with the same version",
        )
