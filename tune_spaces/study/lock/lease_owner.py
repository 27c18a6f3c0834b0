"""The search that has the lease of a study, as its storage tells, and whether it lives.

An owner is judged by its process where that can be seen, however long its heart stood still: a
suspended search goes on when it is woken. One elsewhere is dead once its cluster says that its node
is, or once its heart has stopped for long.
"""

import json
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import optuna
import psutil
from sqlalchemy.engine import Connection

from softnce.errors import SetupError

_LEASE = "softnce.lease"
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
    """How an owner shows that it lives.

    Attributes:
        every_s: time from one heartbeat to the next.
        dead_after_s: how long a heart that cannot be seen otherwise may stand still.
    """

    every_s: float = 30.0
    dead_after_s: float = 90.0


@dataclass(frozen=True, slots=True)
class ClusterNodes:
    """What a cluster knows of its nodes.

    Attributes:
        own: id of the node that this process runs on; empty where it runs on none.
        is_dead: tells, by its id, whether the cluster has declared a node dead.
    """

    own: str = ""
    is_dead: Callable[[str], bool] = lambda _: False


NO_CLUSTER = ClusterNodes()


@final
class LeaseOwner:
    """The search that holds a study, by the entry that it has written there."""

    def __init__(
        self, entry: Mapping[str, Any], heartbeat: Heartbeat, nodes: ClusterNodes = NO_CLUSTER
    ) -> None:
        self._entry, self._heartbeat, self._nodes = entry, heartbeat, nodes

    def require_dead(self, study: str) -> None:
        """Check that no living search holds a study.

        Args:
            study: its name.

        Raises:
            SetupError: one does; host and process are named, and when it is free without it.
        """
        if self._entry and self._is_alive():
            raise SetupError(
                f"study {study}: process {self._entry['pid']} on {self._entry['host']} is "
                f"searching it ({self._last_beat()})",
                "wait for it, as softnce search --wait does, or stop it and start again",
            )

    def _last_beat(self) -> str:
        """Say when the heart beat and, where death would not be seen, when the lease ends."""
        age = time.time() - self._entry["at"]
        beat = f"heartbeat {age:.0f} s ago"
        if self._is_seen_to_live() is not None:
            return beat
        sooner = ", or once the cluster has noticed," if self._has_known_node() else ""
        rest = max(self._heartbeat.dead_after_s - age, 0)
        return f"{beat}; free in {rest:.0f} s{sooner} if it is dead"

    def _is_alive(self) -> bool:
        seen = self._is_seen_to_live()
        if seen is not None:
            return seen
        beats = time.time() - float(self._entry["at"]) <= self._heartbeat.dead_after_s
        return beats and not self._is_on_a_dead_node()

    def _is_seen_to_live(self) -> bool | None:
        """Look at the process; None where it cannot be seen or told from another of its number."""
        if not self._is_seen_from_here():
            return None
        try:
            process = psutil.Process(self._entry["pid"])
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            apart = abs(process.create_time() - self._entry.get("started", 0.0))
        except psutil.NoSuchProcess:
            return False
        return (
            True if apart < _CLOCKS_DIFFER_S else None
        )  # the number was given again, or a clock set

    def _is_seen_from_here(self) -> bool:
        own = namespace()
        is_same_host: bool = self._entry["host"] == socket.gethostname()
        return is_same_host and self._entry.get("namespace", own) == own

    def _has_known_node(self) -> bool:
        return bool(self._nodes.own and self._entry.get("node"))

    def _is_on_a_dead_node(self) -> bool:
        return self._has_known_node() and self._nodes.is_dead(self._entry["node"])


def namespace() -> str:
    """Name the process numbers that this process sees: containers of one host have their own."""
    link = Path("/proc/self/ns/pid")
    return str(link.readlink()) if link.is_symlink() else ""


def stored_entry(study: optuna.Study) -> dict[str, Any]:
    """Return what the owner of a study has written of itself; empty where there is none."""
    return _sound(study.user_attrs.get(_LEASE))


def _sound(entry: object) -> dict[str, Any]:
    """Return an entry as a search writes it; anything else is no living search's, so nobody's."""
    if not isinstance(entry, dict):
        return {}
    numbers = {"started": 0.0, **entry}
    is_sound = (
        all(isinstance(entry.get(name), str) for name in ("token", "host"))
        and all(isinstance(entry.get(name, ""), str) for name in ("namespace", "node"))
        and isinstance(entry.get("pid"), int)
        and entry["pid"] > 0
        and all(isinstance(numbers.get(name), int | float) for name in ("at", "started"))
    )
    return entry if is_sound else {}


def named_past_the_lock(database: Path) -> str:
    """Name the process that searches a study whose storage is locked: a hint, or nothing."""
    read = "SELECT value_json FROM study_user_attributes WHERE key = ?"
    address = f"{database.resolve().as_uri()}?immutable=1"
    with (
        suppress(sqlite3.Error, ValueError, KeyError, TypeError),
        closing(sqlite3.connect(address, uri=True)) as connection,
    ):
        owner = json.loads(connection.execute(read, (_LEASE,)).fetchone()[0])
        return f"; process {owner['pid']} on {owner['host']} searches the study"
    return ""


@final
class Entry:
    """The owner of a study as the storage has it, inside a transaction."""

    def __init__(self, study: str, connection: Connection) -> None:
        self._study, self._connection = study, connection

    def read(self) -> dict[str, Any]:
        """Return the owner; empty where there is none."""
        found = self._connection.exec_driver_sql(_READ, (self._study, _LEASE)).scalar()
        return _sound(json.loads(found or "{}"))

    def write(self, owner: Mapping[str, Any]) -> None:
        """Replace the owner."""
        written = (_LEASE, json.dumps(owner), self._study)
        self._connection.exec_driver_sql(_WRITE, written)


@contextmanager
def alone(study: optuna.Study) -> Iterator[Entry]:
    """Read and write the owner while nobody else can write to the study's storage."""
    storage: Any = study._storage
    engine = storage._backend.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield Entry(study.study_name, connection)
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")
