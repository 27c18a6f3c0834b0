"""What a study tells MLflow, sent by one thread of the process that searches.

Every event is appended to a log in the study folder before it is sent, and a cursor remembers what
has arrived. A server that is slow or away therefore never holds up training and loses nothing:
whatever is left over is sent when the study is opened again. MLflow is imported only to be written
to, for that takes seconds: the sender is imported where it is used.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from softnce.errors import SetupError
from softnce.secret import is_torn, masked, masked_within
from softnce.terminal.logging_setup import redirect_libraries
from tune_spaces.tracking.event_log import Event, EventLog
from tune_spaces.tracking.store import Store, database_fault
from tune_spaces.trial_state import TrialState

if TYPE_CHECKING:
    from tune_spaces.tracking.sender import Sender

log = logging.getLogger(__name__)
_LONGEST_PAUSE_S = 15.0
_LONGEST_NOTE = 7900  # characters; MLflow cuts a tag off at 8,000
_SAID = (
    "params",
    "tags",
    "error",
    "note",
    "page",
    "source",
)  # what may quote others; the rest is our own
_DRIVERS = {  # where a package has another name than its module
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
}


class Tracker:
    """Sends a study's events to MLflow in the background, in order, each at least once."""

    def __init__(self, store: Store, study: str, study_id: str = "") -> None:
        """Prepare to write; nothing is sent before ``open``.

        Args:
            store: where to.
            study: its name.
            study_id: tells it from other studies of its name in the same store.
        """
        self._store, self._study, self._study_id = store, study, study_id
        self._sender: Sender  # from connect on
        self._events, self._wake = EventLog(store.folder), threading.Event()
        self._deadline: float | None = None  # set when the tracker is closing
        self._thread = threading.Thread(target=self._drain, daemon=True, name="mlflow")

    def connect(self) -> None:
        """Find or create the experiment, so that a wrong address is known before any work.

        Raises:
            SetupError: the server or database is out of reach, or its address is torn.
        """
        from tune_spaces.tracking.sender import Sender

        self._require_whole_address()
        self._require_a_database()
        redirect_libraries()  # MLflow, once imported, writes to the terminal
        is_gone = self._is_gone() and self.waiting() > 0
        self._sender = Sender(self._store, self._study, self._study_id)
        with self._reaching():
            self._sender.connect()
        if is_gone:
            log.warning("%s was gone; it is made anew from tracking.jsonl", masked(self._store.uri))
            self._events.arrived(0)

    def open(self, description: Mapping[str, str], columns: Sequence[str] = ()) -> None:
        """Find or create the study's parent run and start sending; after connect.

        Args:
            description: tags of the parent run; an empty one leaves what is there.
            columns: parameters that the experiment's table shows besides the usual ones.

        Raises:
            SetupError: the server or database is out of reach.
        """
        with self._reaching():
            self._sender.open(description, columns)
        self._thread.start()

    def _require_whole_address(self) -> None:
        """Keep an address from those who would call a part of its password the port."""
        if is_torn(self._store.uri):
            raise SetupError(
                f"MLflow at {masked(self._store.uri)}: an @ follows a /, ? or #, as in a "
                "password that holds them as they are",
                "write them as %40, %2F, %3F and %23, or set MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD instead",
            )

    def _require_a_database(self) -> None:
        """Refuse what MLflow would try to open for minutes."""
        fault = database_fault(self._store.uri)
        if fault is not None:
            raise SetupError(
                f"MLflow at {masked(self._store.uri)}: {fault}",
                "remove it, and it is made anew"
                if self._store.is_own
                else "correct tracking.uri or MLFLOW_TRACKING_URI",
            )

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        from tune_spaces.tracking.sender import UNREACHABLE, first_line

        try:
            yield
        except ImportError as error:
            raise SetupError(
                f"MLflow at {masked(self._store.uri)} needs the package {error.name}",
                f"install {_DRIVERS.get(str(error.name), error.name)}, or correct tracking.uri or "
                "MLFLOW_TRACKING_URI",
            ) from error
        except (*UNREACHABLE, ValueError) as error:  # of an address that cannot be parsed
            raise SetupError(
                f"MLflow at {masked(self._store.uri)} is out of reach: {first_line(error)}",
                "start it, or correct tracking.uri or MLFLOW_TRACKING_URI",
            ) from error

    def begin(
        self, key: str, name: str, params: Mapping[str, Any], tags: Mapping[str, str]
    ) -> None:
        """Open the trial's run, or re-open the one it had."""
        self._add({"kind": "begin", "key": key, "name": name, "params": params, "tags": tags})

    def report(self, key: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log the metrics of an epoch."""
        self._add({"kind": "report", "key": key, "epoch": epoch, "metrics": metrics})

    def end(self, key: str, state: TrialState, *, error: str = "") -> None:
        """Close a trial's run with the state in which it ended."""
        self._add({"kind": "end", "key": key, "state": state, "error": error})

    def champion(
        self, key: str, folder: Path, config: str, metrics: Mapping[str, float] | None = None
    ) -> None:
        """Log the model, with what it reached, and register it under the alias champion."""
        where = os.path.relpath(folder, self._store.folder)
        event = {"kind": "champion", "key": key, "folder": where, "config": config}
        self._add({**event, "metrics": dict(metrics or {})})

    def data(self, name: str, digest: str, source: str, sizes: Mapping[str, int]) -> None:
        """Tell what the study learns from: its name, digest, place, and sizes by split."""
        self._add(
            {"kind": "data", "name": name, "digest": digest, "source": source, "sizes": dict(sizes)}
        )

    def measure(self, metrics: Mapping[str, float], step: int) -> None:
        """Log metrics of the study as a whole."""
        self._add({"kind": "measure", "metrics": dict(metrics), "epoch": step})

    def files(self, files: Mapping[Path, str]) -> None:
        """Log files of the study's folder, each with the folder of artifacts that it goes to."""
        root = self._store.folder
        places = {os.path.relpath(path, root): place for path, place in files.items()}
        self._add({"kind": "files", "files": places})

    def close(
        self, state: TrialState, note: str, *, page: str = "", timeout_s: float = 30.0
    ) -> int:
        """Write the parent's note and state, and wait for the events to arrive.

        Args:
            state: in which the study ends for now.
            note: its verdict.
            page: the whole description, in markdown; the note unless given.
            timeout_s: how long to wait.

        Returns:
            How many events are still waiting in the log.
        """
        pages = {"page": page[:_LONGEST_NOTE]} if page else {}
        self._add({"kind": "close", "state": state, "note": note[:_LONGEST_NOTE], **pages})
        self._deadline = time.monotonic() + timeout_s
        self._wake.set()
        self._thread.join(timeout_s + 15)  # a call in flight ends within its own timeout
        return self.waiting()

    def waiting(self) -> int:
        """Count the events that have not arrived, or are lost with the study's own database."""
        return len(self._events.all() if self._is_gone() else self._events.pending())

    def _is_gone(self) -> bool:
        """Tell whether the study's own database is missing, empty or none; before connect only."""
        if not self._store.is_own:
            return False
        database = self._store.folder / "mlflow.db"
        is_there = database.exists() and database.stat().st_size > 0
        return not is_there or database_fault(self._store.uri) is not None

    def _add(self, event: Event) -> None:
        self._events.append(_without_secrets(event))
        self._wake.set()

    def _drain(self) -> None:
        from tune_spaces.tracking.sender import UNREACHABLE, first_line

        pause = 0.5
        while True:
            try:
                for event, after in self._events.pending():
                    self._send_or_set_aside(event)
                    self._events.arrived(after)
                    pause = 0.5
            except UNREACHABLE as error:
                log.warning("MLflow: %s; trying again in %.1f s", first_line(error), pause)
                if self._is_past_deadline():
                    return
                self._wake.clear()
                self._wake.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S if self._deadline is None else 1.0)
                continue
            if self._deadline is not None and (self._is_past_deadline() or not self.waiting()):
                return
            self._wake.wait(0.5)
            self._wake.clear()

    def _send_or_set_aside(self, event: Event) -> None:
        """Send an event; one that MLflow refuses for good must not hold up all others."""
        from tune_spaces.tracking.sender import MISSHAPEN, UNREACHABLE, first_line, is_refused

        try:
            self._sender.send(event)
        except (*UNREACHABLE, *MISSHAPEN) as error:
            if not is_refused(error):
                raise
            self._set_aside(event, error, first_line(error))

    def _set_aside(self, event: Event, error: Exception, told: str) -> None:
        log.warning("an event was refused: %s", told)
        with self._refused.open("a") as file:
            refusal = masked(f"{type(error).__name__}: {error}")
            file.write(json.dumps({**_without_secrets(event), "refusal": refusal}) + "\n")

    def refused(self) -> int:
        """Count the events that were set aside: MLflow took them not, or they are misshapen."""
        if not self._refused.is_file():
            return 0
        with self._refused.open("rb") as file:
            return sum(1 for _ in file)

    @property
    def _refused(self) -> Path:
        return self._store.folder / "tracking.refused.jsonl"

    def _is_past_deadline(self) -> bool:
        return self._deadline is not None and time.monotonic() > self._deadline


def _without_secrets(event: Event) -> Event:
    return {name: masked_within(value) if name in _SAID else value for name, value in event.items()}
