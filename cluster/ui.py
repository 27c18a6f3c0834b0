"""The MLflow UI on this machine, with the right store."""

import os
import socket
import sqlite3
import sys

from softnce.errors import ConfigError, SetupError
from softnce.secret import TRACKING_URI, without_userinfo
from tune_spaces.study.folder import find_study
from tune_spaces.tracking.store import own_uri, relocate


def store_uri(study: str | None) -> str:
    """Return the tracking URI of a study: a folder, a name, or the newest one.

    Raises:
        ConfigError: there is no such study, or its database is damaged.
    """
    folder = find_study(study)
    database = folder / "mlflow.db"
    if database.exists():
        try:
            relocate(folder)
        except sqlite3.Error as error:
            raise ConfigError(
                f"{database}: no database that MLflow can show ({error})",
                "remove it, and the same softnce search writes it anew",
            ) from error
        return own_uri(folder)
    uri = os.environ.get(TRACKING_URI)
    if uri:
        return uri
    raise ConfigError(
        f"{folder}: no mlflow.db in it",
        "set MLFLOW_TRACKING_URI to the server it was logged to",
    )


def require_free(port: int) -> None:
    """Check that a port of the loopback address can be bound.

    Raises:
        SetupError: something listens there already.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SetupError(
                f"port {port} is taken",
                "choose another with --port",
            ) from error


def serve(uri: str, port: int) -> None:
    """Become the MLflow server, on the loopback address only."""
    if uri.startswith(("http://", "https://")):
        raise SetupError(
            "this study is logged to a server",
            f"open {without_userinfo(uri)} in a browser",
        )
    command = [sys.executable, "-m", "mlflow", "ui"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]  # of 250 MB each
    os.environ["MLFLOW_BACKEND_STORE_URI"] = uri  # as a word of the command all could read it
    os.environ["MLFLOW_REGISTRY_STORE_URI"] = uri
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    os.execv(sys.executable, command)  # noqa: S606  (no shell; our own interpreter)
