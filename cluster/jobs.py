"""Ray's job server: connect, follow a job's log, and return the job's own exit code."""

import asyncio
import os
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, final

from softnce.errors import EXIT_OK, EXIT_STOPPED, RunError, SetupError, SoftnceError

Write = Callable[[str], None]
_LOOK_EVERY_S = 0.5
_LOST_AFTER_S = 180.0
_QUIET_S = 60.0
_CONNECT_S = 5.0
_PATIENCE_S = 30.0
_ENDED = ("SUCCEEDED", "FAILED", "STOPPED")
_EXIT_SIGNALLED = 128
_NO_START = SetupError(
    "the cluster did not start it in time", "see whether resources.driver_cpus are free: ray status"
)
_WITHOUT_CODE = {  # what Ray calls the failure of a job whose command has no exit code
    "JOB_SUPERVISOR_ACTOR_DIED": RunError(
        "its node died, or was taken away", "the same command continues the study"
    ),
    "JOB_SUPERVISOR_ACTOR_START_TIMEOUT": _NO_START,
    "JOB_SUPERVISOR_ACTOR_UNSCHEDULABLE": _NO_START,
    "RUNTIME_ENV_SETUP_FAILURE": SetupError("its environment could not be set up on the node"),
    "JOB_ENTRYPOINT_COMMAND_START_ERROR": SetupError("its command could not be started"),
}


def connect(address: str | None) -> Any:  # noqa: ANN401  (Ray's JobSubmissionClient)
    """Return a client of the cluster's job server.

    Args:
        address: of the dashboard (http://host:8265); RAY_API_SERVER_ADDRESS or RAY_ADDRESS without.

    Raises:
        SetupError: no address, nothing answers there, or it refuses the token.
    """
    address = known_address(address)
    if not address:
        raise SetupError(
            "no cluster",
            "give --address http://HEAD:8265 or set RAY_API_SERVER_ADDRESS",
        )
    _require_dashboard(address)
    os.environ["RAY_API_SERVER_ADDRESS"] = address  # Ray lets the environment win over arguments
    _use_token_at_hand()
    from ray.exceptions import AuthenticationError, RpcError
    from ray.job_submission import JobSubmissionClient

    _silence_ray_logs()
    try:
        return JobSubmissionClient(address)
    except AuthenticationError as error:
        raise SetupError(
            f"{address} refuses this user: {_first_line(error)}",
            "put the cluster's token into a file (chmod 600) and set RAY_AUTH_MODE=token "
            "RAY_AUTH_TOKEN_PATH=FILE",
        ) from error
    except (OSError, RuntimeError, ValueError, RpcError) as error:
        raise SetupError(
            f"{address}: no job server answers there ({_first_line(error)})",
            "check the address of the dashboard, and that it can be reached from here "
            "(kubectl port-forward, ssh -L)",
        ) from error


def _require_dashboard(address: str) -> None:
    """Refuse what Ray would try for long and explain badly: it takes host:port for its GCS."""
    cure = "give --address the dashboard of the cluster, http://HEAD:8265"
    if address.startswith("ray://"):
        raise SetupError(f"{address} is not the address of a job server but of Ray's client", cure)
    found = re.fullmatch(r"\[?([^\[\]/]+?)\]?:(\d{1,5})", address)
    if found is None:
        return
    try:
        answer = _answer(found[1], int(found[2]))
    except (OSError, OverflowError) as error:
        raise SetupError(f"{address}: nothing answers there ({error})", cure) from error
    if answer.startswith(b"HTTP/"):
        raise SetupError(
            f"{address}: a web server answers there",
            f"write it as http://{address}",
        )


def _answer(host: str, port: int) -> bytes:
    """Return how the answer to an HTTP request begins; nothing where the server stays silent."""
    with socket.create_connection((host, port), timeout=_CONNECT_S) as connection:
        connection.sendall(b"GET /api/version HTTP/1.0\r\n\r\n")
        try:
            return connection.recv(16)
        except (TimeoutError, ConnectionResetError):
            return b""


def known_address(given: str | None) -> str | None:
    """Return the address that was given, or that of the environment."""
    names = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")
    return given or next((os.environ[name] for name in names if os.environ.get(name)), None)


def token_file() -> Path:
    """Return where Ray looks for the token."""
    given = os.environ.get("RAY_AUTH_TOKEN_PATH")
    return Path(given) if given else Path.home() / ".ray" / "auth_token"


def token_fault(path: Path) -> str | None:
    """Say why a file holds no token, if it does not."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    if not text:
        return f"{path} is empty"
    is_token = text.isascii() and text.isprintable()
    return None if is_token else f"{path} holds no token: a token is one line of plain characters"


def require_token() -> None:
    """Check the file that Ray would read its token from; at odd bytes it aborts the process.

    Raises:
        SetupError: it holds none.
    """
    path, is_used = token_file(), os.environ.get("RAY_AUTH_MODE") == "token"
    if not is_used or "RAY_AUTH_TOKEN" in os.environ or not path.is_file():
        return
    found = token_fault(path)
    if found:
        raise SetupError(
            f"{found}",
            "write the cluster's token into it",
        )


def dashboard_link(client: Any, job: str) -> str:  # noqa: ANN401
    """Return the page of a job."""
    return f"{client.get_address()}/#/jobs/{job}"


def server_version(client: Any) -> str:  # noqa: ANN401
    """Return the version of Ray that the cluster runs."""
    return str(client._server_ray_version)  # asked at the connection; Ray has no public name


@final
class SubmittedJob:
    """A job of the cluster, followed from here.

    The cluster runs it whether or not anybody follows.
    """

    def __init__(self, client: Any, name: str, write: Write) -> None:  # noqa: ANN401
        self._client, self._write, self.name = client, write, name
        self._shown = 0
        self._started: float | None = time.monotonic()

    def follow(self) -> int:
        """Show the job's log until it ends, and return its own exit code.

        Raises:
            SetupError: the job server cannot be reached any more.
        """
        heard = time.monotonic()
        while True:
            try:
                status = self._status()
                heard = time.monotonic()
                if status == "PENDING":  # so far Ray does not know on which node the log is
                    self._tell_once_why_it_waits()
                else:
                    asyncio.run(self._tail())
                    status = self._status()
            except _connection_errors() as error:
                if time.monotonic() - heard > _LOST_AFTER_S:
                    raise SetupError(
                        f"{self._client.get_address()} has not answered for {_LOST_AFTER_S:.0f} s; "
                        f"job {self.name} may go on",
                        f"ask for it with ray job status {self.name}",
                    ) from error
                status = "UNKNOWN"
            if status in _ENDED:
                return self._exit_code()
            time.sleep(_LOOK_EVERY_S)

    def stop(self) -> None:
        """Ask the job to stop; it keeps what it has."""
        self._client.stop_job(self.name)

    def log(self) -> str:
        """Return the whole log."""
        return str(self._client.get_job_logs(self.name))

    def _status(self) -> str:
        return str(self._client.get_job_status(self.name).value)

    async def _tail(self) -> None:
        """Write what the log gains; after a lost connection, only what was not shown yet."""
        seen = 0
        log = aiter(self._client.tail_job_logs(self.name))
        while True:
            try:  # a connection may die without a word: then ask anew
                text = await asyncio.wait_for(anext(log), _QUIET_S)
            except (StopAsyncIteration, TimeoutError):
                return
            fresh = text[max(0, self._shown - seen) :]
            seen += len(text)
            self._shown = max(self._shown, seen)
            if fresh:
                self._write(fresh)

    def _tell_once_why_it_waits(self) -> None:
        if self._started is not None and time.monotonic() - self._started > _PATIENCE_S:
            self._started = None
            self._write(
                f"job {self.name} waits: until resources.driver_cpus are free, and its environment "
                "is set up (ray status tells what is free)\n"
            )

    def _exit_code(self) -> int:
        info = self._client.get_job_info(self.name)
        status, code = info.status.value, info.driver_exit_code
        if status == "SUCCEEDED":
            return EXIT_OK
        if status == "STOPPED":
            return EXIT_STOPPED
        if code is None:
            reason = failure_without_code(self.name, info)
            self._write(f"{reason}\n")
            return reason.exit_code
        return int(code) if code >= 0 else _EXIT_SIGNALLED - int(code)


def failure_without_code(name: str, info: Any) -> SoftnceError:  # noqa: ANN401  (Ray's JobDetails)
    """Return why a job failed whose command did not end by itself, in one line.

    Ray's own text is a page about its actors; ``ray job status`` shows it to who wants it.

    Args:
        name: of the job.
        info: what the job server says of it.
    """
    known = _WITHOUT_CODE.get(info.error_type or "")
    found = "Ray gave it up" if known is None else known.found
    cure = None if known is None else known.cure
    kind = RunError if known is None else type(known)
    return kind(f"job {name}: {found}", cure or f"ray job status {name} tells what Ray saw")


def _use_token_at_hand() -> None:
    """Let Ray's HTTP client send the token where one is at hand and no mode was chosen."""
    if "RAY_AUTH_TOKEN" in os.environ or token_file().is_file():
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    require_token()


def _silence_ray_logs() -> None:
    import logging

    for name in ("ray", "ray.dashboard", "ray._private.runtime_env.packaging"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for name in ("ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _connection_errors() -> tuple[type[BaseException], ...]:
    import aiohttp
    import requests

    return (RuntimeError, OSError, aiohttp.ClientError, requests.RequestException)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")[:300]
