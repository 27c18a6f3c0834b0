"""The MLflow UI on this machine, with the right store."""

import os
import socket
import sqlite3
import sys
import time
import webbrowser
from urllib.request import urlopen

from softnce.errors import ConfigError, SetupError
from softnce.secret import TRACKING_URI, without_userinfo
from softnce.terminal.output import say
from tune_spaces.study.folder import find_study
from tune_spaces.tracking.store import own_uri, relocate

_LONGEST_START_S = 300.0


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


def serve(uri: str, port: int, link: str = "/", *, is_opened: bool = False) -> None:
    """Become the MLflow server, on the loopback address only.

    Args:
        uri: of the store.
        port: on which it listens.
        link: of the study, below the server's address; told once the server answers.
        is_opened: whether to open the link in a browser, too.

    Raises:
        SetupError: the study is logged to a server.
    """
    if uri.startswith(("http://", "https://")):
        server = without_userinfo(uri).rstrip("/")
        raise SetupError(
            "this study is logged to a server",
            f"open {server}{link if link != '/' else ''} in a browser",
        )
    _tell_once_it_answers(f"http://127.0.0.1:{port}", link, is_opened=is_opened)
    command = [sys.executable, "-m", "mlflow", "ui"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]  # of 250 MB each
    os.environ["MLFLOW_BACKEND_STORE_URI"] = uri  # as a word of the command all could read it
    os.environ["MLFLOW_REGISTRY_STORE_URI"] = uri
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    os.execv(sys.executable, command)  # noqa: S606  (no shell; our own interpreter)


def _tell_once_it_answers(server: str, link: str, *, is_opened: bool) -> None:
    """Leave a process behind that waits for the server, and says where the study is.

    It is a grandchild, for this process becomes the server, which waits for no children.
    """
    server_process = os.getpid()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    if os.fork() == 0 and _answers(server, server_process):
        say(f"The study: {server}{link}")
        if is_opened and not webbrowser.open(f"{server}{link}"):
            say("no browser was found here; open the link by hand")
    os._exit(0)


def _answers(server: str, process: int) -> bool:
    """Wait until a server answers; False where its process has ended, or it takes too long."""
    until = time.monotonic() + _LONGEST_START_S
    while time.monotonic() < until:
        try:
            os.kill(process, 0)
            with urlopen(f"{server}/health", timeout=10):  # noqa: S310  (our own server)
                return True
        except ProcessLookupError:
            return False
        except OSError:
            time.sleep(0.5)
    return False
