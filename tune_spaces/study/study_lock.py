"""One living search per study: a heartbeat in the study's own storage names who holds it.

A file lock would not survive shared file systems, nor tell who holds it. A holder is judged by its
process where that can be seen, however long its heart stood still: a suspended search goes on when
it is woken. One on another host is replaced after its heart has stopped, and stops when it finds
that. Taking and beating are one transaction each, so that of two that look at once only one takes.
"""

import json
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import optuna
import psutil
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from softnce.errors import SetupError

log = logging.getLogger(__name__)
_HOLDER = "softnce.holder"
_LOOK_EVERY_S = 5.0  # of who waits for a study
_CLOCKS_DIFFER_S = 2.0  # two looks at the start of one process, where the clock was set between
_READ = """
    SELECT value_json FROM study_user_attributes JOIN studies USING (study_id)
    WHERE study_name = ? AND key = ?
"""
_WRITE = """
    INSERT INTO study_user_attributes (study_id, key, value_json)
    SELECT study_id, ?, ? FROM studies WHERE study_name = ?
    ON CONFLICT (study_id, key) DO UPDATE SET value_json = excluded.value_json
"""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How a holder shows that it lives.

    Attributes:
        every_s: time from one heartbeat to the next.
        dead_after_s: how long a heart that cannot be seen otherwise may stand still.
    """

    every_s: float = 30.0
    dead_after_s: float = 90.0


_HEARTBEAT = Heartbeat()


@final
class Lease:
    """A study in the hands of this process, until it is let go or another takes it over."""

    def __init__(self, study: optuna.Study, heartbeat: Heartbeat) -> None:
        self._study, self._heartbeat = study, heartbeat
        self._token = secrets.token_hex(8)
        self._beaten = time.time()
        self._loss = ""
        self._press: Callable[[str, int], None] | None = None
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._live, daemon=True)

    @contextmanager
    def handed_to(self, press: Callable[[str, int], None]) -> Iterator[None]:
        """Tell a reason to stop, and its exit code, once another has taken the study over."""
        self._press = press
        if self._loss:
            self._lose()
        try:
            yield
        finally:
            self._press = None

    def require(self) -> None:
        """Check that the study is still in our hands, before anything of it is concluded.

        Raises:
            SetupError: another search took it over; host and process are named.
        """
        if not self._loss:
            self._look(_holder(self._study))
        if self._loss:
            raise SetupError(self._loss)

    def take(self) -> None:
        """Claim the study and let the heart beat.

        Raises:
            SetupError: another living search holds it.
        """
        with _alone(self._study) as entry:
            _require_dead(self._study, entry.read(), self._heartbeat)
            entry.write(self._mine())
        self._heart.start()

    def release(self) -> None:
        """Stop the heart, and leave the study free unless it has another holder."""
        self._ended.set()
        self._heart.join(self._heartbeat.every_s)
        with _forgiven(), _alone(self._study) as entry:
            if entry.read().get("token") == self._token:
                entry.write({})

    def _live(self) -> None:
        while not self._loss and not self._ended.wait(self._heartbeat.every_s):
            with _forgiven():
                self._beat()

    def _beat(self) -> None:
        with _alone(self._study) as entry:
            holder = entry.read()
            self._look(holder)
            if not self._loss:
                entry.write(self._mine())
                self._beaten = time.time()
        if self._loss:
            self._lose()

    def _look(self, holder: Mapping[str, Any]) -> None:
        if holder.get("token") != self._token:
            who = "another search"
            if holder:
                who = f"process {holder['pid']} on {holder['host']}"
            self._loss = (
                f"study {self._study.study_name}: {who} took it over, for this process had shown "
                f"no heartbeat for {time.time() - self._beaten:.0f} s; this search ends, and "
                "nothing that was finished is lost"
            )

    def _lose(self) -> None:
        log.error(self._loss)
        if self._press is not None:
            self._press(self._loss, SetupError.exit_code)

    def _mine(self) -> dict[str, Any]:
        return {
            "token": self._token,
            "host": socket.gethostname(),
            "namespace": _namespace(),
            "pid": os.getpid(),
            "started": psutil.Process().create_time(),
            "at": time.time(),
        }


@contextmanager
def held(
    study: optuna.Study,
    heartbeat: Heartbeat = _HEARTBEAT,
    *,
    tell_wait: Callable[[str], None] | None = None,
) -> Iterator[Lease]:
    """Lease a study while the block runs.

    Args:
        study: to be leased.
        heartbeat: how holders show that they live.
        tell_wait: is told once who holds the study, which is then waited for; without it a study
            that is held is refused.

    Raises:
        SetupError: another living search holds it; host and process are named.
    """
    lease = Lease(study, heartbeat)
    if tell_wait is None:
        lease.take()
    else:
        _take_patiently(lease, tell_wait)
    try:
        yield lease
    finally:
        lease.release()


def require_free(study: optuna.Study, heartbeat: Heartbeat = _HEARTBEAT) -> None:
    """Check that no living search holds a study.

    Raises:
        SetupError: one does; host and process are named.
    """
    _require_dead(study, _holder(study), heartbeat)


def _take_patiently(lease: Lease, tell: Callable[[str], None]) -> None:
    """Take a study once no living search holds it; of several that wait one is first."""
    is_told = False
    while True:
        try:
            return lease.take()
        except SetupError as error:
            if not is_told:
                tell(f"waiting: {error.found}")
            is_told = True
        time.sleep(_LOOK_EVERY_S)


def _require_dead(study: optuna.Study, holder: Mapping[str, Any], heartbeat: Heartbeat) -> None:
    if holder and _is_alive(holder, heartbeat):
        raise SetupError(
            _who_holds(study, holder, heartbeat),
            "wait for it, as softnce search --wait does, or stop it and start again",
        )


def _who_holds(study: optuna.Study, holder: Mapping[str, Any], heartbeat: Heartbeat) -> str:
    """Say who holds a study and, where a dead one would not be noticed, when its lease ends."""
    age = time.time() - holder["at"]
    beat = f"heartbeat {age:.0f} s ago"
    if not _is_seen_from_here(holder):
        beat += f"; free in {max(heartbeat.dead_after_s - age, 0):.0f} s if it is dead"
    return (
        f"study {study.study_name}: process {holder['pid']} on {holder['host']} is searching it "
        f"({beat})"
    )


def _is_alive(holder: Mapping[str, Any], heartbeat: Heartbeat) -> bool:
    beats = time.time() - float(holder["at"]) <= heartbeat.dead_after_s
    if not _is_seen_from_here(holder):
        return beats
    try:
        process = psutil.Process(holder["pid"])
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        is_same = abs(process.create_time() - holder.get("started", 0.0)) < _CLOCKS_DIFFER_S
    except psutil.NoSuchProcess:
        return False
    return is_same or beats  # another start: the number was given again, or the clock was set


def _is_seen_from_here(holder: Mapping[str, Any]) -> bool:
    own = _namespace()
    is_same_host: bool = holder["host"] == socket.gethostname()
    return is_same_host and holder.get("namespace", own) == own


def _namespace() -> str:
    """Name the process numbers that this process sees: containers of one host have their own."""
    link = Path("/proc/self/ns/pid")
    return str(link.readlink()) if link.is_symlink() else ""


def _holder(study: optuna.Study) -> dict[str, Any]:
    return dict(study.user_attrs.get(_HOLDER) or {})


@final
class _Entry:
    """The holder of a study as the storage has it, inside a transaction."""

    def __init__(self, study: str, connection: Connection) -> None:
        self._study, self._connection = study, connection

    def read(self) -> dict[str, Any]:
        """Return the holder; empty where there is none."""
        found = self._connection.exec_driver_sql(_READ, (self._study, _HOLDER)).scalar()
        return dict(json.loads(found or "{}"))

    def write(self, holder: Mapping[str, Any]) -> None:
        """Replace the holder."""
        written = (_HOLDER, json.dumps(holder), self._study)
        self._connection.exec_driver_sql(_WRITE, written)


@contextmanager
def _alone(study: optuna.Study) -> Iterator[_Entry]:
    """Read and write the holder while nobody else can write to the study's storage."""
    storage: Any = study._storage
    engine = storage._backend.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield _Entry(study.study_name, connection)
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")


@contextmanager
def _forgiven() -> Iterator[None]:
    """Go on where the storage is busy or its disk is full: the next heartbeat may reach it."""
    try:
        yield
    except SQLAlchemyError as error:
        log.warning("no heartbeat: %s", error)
