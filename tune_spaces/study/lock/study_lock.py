"""One living search per study: a heartbeat in the study's own storage names who holds it.

A file lock would not survive shared file systems, nor tell who holds it. Whoever is taken for dead
and wakes up later finds that, and stops. Taking and beating are one transaction each, so that of
two that look at once only one takes.
"""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, final

import optuna
import psutil
from sqlalchemy.exc import SQLAlchemyError

from softnce.errors import SetupError
from tune_spaces.study.lock.lease_owner import (
    NO_CLUSTER,
    ClusterNodes,
    Heartbeat,
    LeaseOwner,
    alone,
    namespace,
    stored_entry,
)

log = logging.getLogger(__name__)
_LOOK_EVERY_S = 5.0  # of who waits for a study
_HEARTBEAT = Heartbeat()


@final
class Lease:
    """A study in the hands of this process, until it is let go or another takes it over."""

    def __init__(
        self, study: optuna.Study, heartbeat: Heartbeat, nodes: ClusterNodes = NO_CLUSTER
    ) -> None:
        self._study, self._heartbeat, self._nodes = study, heartbeat, nodes
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
            self._look(stored_entry(self._study))
        if self._loss:
            raise SetupError(self._loss)

    def take(self) -> None:
        """Claim the study and let the heart beat.

        Raises:
            SetupError: another living search holds it.
        """
        with alone(self._study) as entry:
            owner = LeaseOwner(entry.read(), self._heartbeat, self._nodes)
            owner.require_dead(self._study.study_name)
            entry.write(self._mine())
        self._heart.start()

    def release(self) -> None:
        """Stop the heart, and leave the study free unless it has another owner."""
        self._ended.set()
        self._heart.join(self._heartbeat.every_s)
        with _forgiven(), alone(self._study) as entry:
            if entry.read().get("token") == self._token:
                entry.write({})

    def _live(self) -> None:
        while not self._loss and not self._ended.wait(self._heartbeat.every_s):
            with _forgiven():
                self._beat()

    def _beat(self) -> None:
        with alone(self._study) as entry:
            owner = entry.read()
            self._look(owner)
            if not self._loss:
                entry.write(self._mine())
                self._beaten = time.time()
        if self._loss:
            self._lose()

    def _look(self, owner: Mapping[str, Any]) -> None:
        if owner.get("token") != self._token:
            who = "another search"
            if owner:
                who = f"process {owner['pid']} on {owner['host']}"
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
            "namespace": namespace(),
            "node": self._nodes.own,
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
    nodes: ClusterNodes = NO_CLUSTER,
) -> Iterator[Lease]:
    """Lease a study while the block runs.

    Args:
        study: to be leased.
        heartbeat: how owners show that they live.
        tell_wait: is told once who holds the study, which is then waited for; without it a study
            that is held is refused.
        nodes: what the cluster knows, if this process is on one: an owner whose node it has
            declared dead is dead, however lately its heart has beaten.

    Raises:
        SetupError: another living search holds it; host and process are named.
    """
    lease = Lease(study, heartbeat, nodes)
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
    LeaseOwner(stored_entry(study), heartbeat).require_dead(study.study_name)


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


@contextmanager
def _forgiven() -> Iterator[None]:
    """Go on where the storage is busy or its disk is full: the next heartbeat may reach it."""
    try:
        yield
    except SQLAlchemyError as error:
        log.warning("no heartbeat: %s", error)
