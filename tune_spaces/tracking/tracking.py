"""MLflow, written by one thread of the process that searches; the only module that imports mlflow.

Every event is appended to a log in the study folder before it is sent, and a cursor remembers what
has arrived. A server that is slow or away therefore never holds up training and loses nothing:
whatever is left over is sent when the study is opened again.
"""

import json
import logging
import math
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from softnce.errors import SetupError
from tune_spaces.tracking.event_log import Event, EventLog

log = logging.getLogger(__name__)
STATES = {"complete": "FINISHED", "pruned": "KILLED", "fail": "FAILED", "interrupted": "KILLED"}
_LONGEST_PAUSE_S = 15.0
_REFUSED = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "BAD_REQUEST")
_MISSHAPEN = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
_DRIVERS = {  # where a package has another name than its module
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
}
_END_OF_INTEGERS = 2**63  # in a database
_UNREACHABLE = (MlflowException, OSError, sqlite3.Error)


@dataclass(frozen=True, slots=True)
class Store:
    """Where a study is tracked.

    Attributes:
        uri: of the tracking server or database.
        experiment: name of the experiment.
        folder: of the study: event log, cursor, and artifacts unless a server keeps them.
    """

    uri: str
    experiment: str
    folder: Path

    @property
    def is_own(self) -> bool:
        """Tell whether the store is the study's own database."""
        return self.uri == own_uri(self.folder)


def own_uri(folder: Path) -> str:
    """Return the URI of the database inside a study folder."""
    return f"sqlite:///{folder.resolve() / 'mlflow.db'}"


class Tracker:
    """Sends a study's events to MLflow in the background, in order, each at least once."""

    def __init__(self, store: Store, study: str) -> None:
        self._store, self._study = store, study
        self._events, self._wake = EventLog(store.folder), threading.Event()
        self._deadline: float | None = None  # set when the tracker is closing
        self._thread = threading.Thread(target=self._drain, daemon=True, name="mlflow")
        self._runs: dict[str, str] = {}

    def connect(self) -> None:
        """Find or create the experiment, so that a wrong address is known before any work.

        Raises:
            SetupError: the server or database is out of reach.
        """
        with self._reaching():
            if self._store.is_own:
                _make_own_database(self._store.folder)
                relocate(self._store.folder)
            self._client = MlflowClient(self._store.uri, registry_uri=self._store.uri)
            self._experiment = self._found_experiment()

    def open(self, description: Mapping[str, str]) -> None:
        """Find or create the study's parent run and start sending; after connect.

        Args:
            description: tags of the parent run; an empty one leaves what is there.

        Raises:
            SetupError: the server or database is out of reach.
        """
        with self._reaching():
            tags = {name: value for name, value in description.items() if value}
            self._parent = self._found_run("study", self._study, self._study, {})
            self._client.log_batch(self._parent, tags=[RunTag(*tag) for tag in tags.items()])
            self._sweep()
        self._thread.start()

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except ImportError as error:
            raise SetupError(
                f"MLflow at {without_secret(self._store.uri)} needs the package {error.name}",
                f"install {_DRIVERS.get(str(error.name), error.name)}, or correct tracking.uri or "
                "MLFLOW_TRACKING_URI",
            ) from error
        except (*_UNREACHABLE, ValueError) as error:  # of an address that cannot be parsed
            raise SetupError(
                f"MLflow at {without_secret(self._store.uri)} is out of reach: "
                f"{_first_line(error)}",
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

    def end(self, key: str, state: str, *, error: str = "") -> None:
        """Close a trial's run with its true state: complete, pruned, fail or interrupted."""
        self._add({"kind": "end", "key": key, "state": state, "error": error})

    def champion(self, key: str, folder: Path, config: str) -> None:
        """Log the model and register it under the alias champion."""
        where = os.path.relpath(folder, self._store.folder)
        self._add({"kind": "champion", "key": key, "folder": where, "config": config})

    def close(self, state: str, note: str, *, timeout_s: float = 30.0) -> int:
        """Write the parent's note and state, and wait for the events to arrive.

        Returns:
            How many events are still waiting in the log.
        """
        self._add({"kind": "close", "state": state, "note": note[:8000]})
        self._deadline = time.monotonic() + timeout_s
        self._wake.set()
        self._thread.join(timeout_s + 15)  # a call in flight ends within its own timeout
        return self.waiting()

    def waiting(self) -> int:
        """Count the events that have not arrived."""
        return len(self._events.pending())

    def _add(self, event: Event) -> None:
        self._events.append(event)
        self._wake.set()

    def _drain(self) -> None:
        pause = 0.5
        while True:
            try:
                for event, after in self._events.pending():
                    self._send_or_set_aside(event)
                    self._events.arrived(after)
                    pause = 0.5
            except _UNREACHABLE as error:
                log.warning("MLflow: %s; trying again in %.1f s", _first_line(error), pause)
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
        try:
            self._send(event)
        except MlflowException as error:
            if error.error_code not in _REFUSED:
                raise
            self._set_aside(event, error)
        except _MISSHAPEN as error:
            self._set_aside(event, error)

    def _set_aside(self, event: Event, error: Exception) -> None:
        log.warning("an event was refused: %s", _first_line(error))
        with self._refused.open("a") as file:
            refusal = without_secret(f"{type(error).__name__}: {error}")
            file.write(json.dumps({**event, "refusal": refusal}) + "\n")

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

    def _send(self, event: Event) -> None:
        senders: dict[str, Callable[[Event], None]] = {
            "begin": self._send_begin,
            "report": self._send_report,
            "end": self._send_end,
            "champion": self._send_champion,
            "close": self._send_close,
        }
        for name in ("time_ms", "epoch"):  # a larger number would be tried for ever
            if not 0 <= int(event.get(name, 0)) < _END_OF_INTEGERS:
                raise ValueError(f"{name} is out of range")
        senders[event["kind"]](event)

    def _send_begin(self, event: Event) -> None:
        tags = {"mlflow.parentRunId": self._parent, **event["tags"]}
        run = self._found_run(_kind(event["key"]), event["key"], event["name"], tags)
        params = [Param(name, str(value)[:6000]) for name, value in event["params"].items()]
        known = self._client.get_run(run).data.params
        self._client.log_batch(run, params=[param for param in params if param.key not in known])

    def _send_report(self, event: Event) -> None:
        metrics = [
            Metric(name, float(value), event["time_ms"], event["epoch"])
            for name, value in event["metrics"].items()
            if isinstance(value, int | float) and math.isfinite(value)
        ]
        self._client.log_batch(self._run_of(event["key"]), metrics=metrics)

    def _send_end(self, event: Event) -> None:
        run, state = self._run_of(event["key"]), event["state"]
        tags = [RunTag("trial.state", state.upper())]
        if event["error"]:
            tags.append(RunTag("trial.error", event["error"][:4000]))
        self._client.log_batch(run, tags=tags)
        self._client.set_terminated(run, STATES[state], end_time=event["time_ms"])

    def _send_champion(self, event: Event) -> None:
        run, name = self._run_of(event["key"]), f"softnce-{self._study}"
        former = self._alias(name, "champion")
        if former is not None and former.run_id == run:
            return
        version = self._known_version(name, run) or self._new_version(name, run, event)
        if former is not None:
            self._client.set_registered_model_alias(name, "previous", former.version)
        self._client.set_registered_model_alias(name, "champion", version)
        self._client.set_tag(self._parent, "softnce.champion", event["key"])

    def _known_version(self, name: str, run: str) -> str | None:
        """Return the version of a run that was champion before: an event may be sent again."""
        found = self._client.search_model_versions(f"name = '{name}' and run_id = '{run}'")
        return str(found[0].version) if found else None

    def _new_version(self, name: str, run: str, event: Event) -> str:
        self._client.log_text(run, event["config"], "config.yaml")
        self._client.log_artifacts(run, str(self._store.folder / event["folder"]), "model")
        source = f"{self._client.get_run(run).info.artifact_uri}/model"
        if not self._is_registered(name):
            self._client.create_registered_model(name)
        return str(self._client.create_model_version(name, source, run_id=run).version)

    def _send_close(self, event: Event) -> None:
        self._client.set_tag(self._parent, "mlflow.note.content", event["note"])
        self._client.set_terminated(self._parent, STATES[event["state"]], event["time_ms"])

    def _alias(self, name: str, alias: str) -> Any:  # noqa: ANN401  (mlflow's ModelVersion)
        try:
            return self._client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise

    def _is_registered(self, name: str) -> bool:
        return bool(self._client.search_registered_models(f"name = '{name}'"))

    def _found_experiment(self) -> str:
        name = self._store.experiment
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        own = (self._store.folder / "mlartifacts").resolve().as_uri()
        location = own if self._store.is_own else None
        return str(self._client.create_experiment(name, artifact_location=location))

    def _found_run(self, tag: str, key: str, name: str, tags: Mapping[str, str]) -> str:
        """Return the run tagged ``softnce.<tag> = key`` of this study, re-opened, or a new one."""
        run = self._known_run(tag, key)
        if run is not None:
            self._client.update_run(run, status="RUNNING")
        else:
            own = {f"softnce.{tag}": key, "softnce.study.name": self._study}
            created = self._client.create_run(self._experiment, tags={**own, **tags}, run_name=name)
            run = str(created.info.run_id)
        self._runs[key] = run
        return run

    def _known_run(self, tag: str, key: str) -> str | None:
        where = f"tags.`softnce.{tag}` = '{key}' and tags.`softnce.study.name` = '{self._study}'"
        found = self._client.search_runs([self._experiment], where, max_results=1)
        return str(found[0].info.run_id) if found else None

    def _run_of(self, key: str) -> str:
        """Return a trial's run as it is: one that has ended stays so."""
        if key not in self._runs:
            known = self._known_run(_kind(key), key)
            if known is None:
                return self._found_run(_kind(key), key, key, {"mlflow.parentRunId": self._parent})
            self._runs[key] = known
        return self._runs[key]

    def _sweep(self) -> None:
        """Close runs that a dead search left running; those that go on are re-opened."""
        where = (
            f"tags.`softnce.study.name` = '{self._study}' and attributes.status = 'RUNNING' "
            f"and tags.`mlflow.parentRunId` = '{self._parent}'"
        )
        for run in self._client.search_runs([self._experiment], where):
            self._client.set_tag(run.info.run_id, "trial.state", "INTERRUPTED")
            self._client.set_terminated(run.info.run_id, STATES["interrupted"])


def _make_own_database(folder: Path) -> None:
    """Let the study's database appear whole, so that an interrupted start leaves no torn one."""
    database, building = folder / "mlflow.db", folder / ".mlflow.db.building"
    if database.exists() and database.stat().st_size > 0:
        return
    building.unlink(missing_ok=True)
    uri = f"sqlite:///{building.resolve()}"
    MlflowClient(uri, registry_uri=uri).search_experiments(max_results=1)
    building.rename(database)


def relocate(folder: Path) -> None:
    """Let a study's own database find its artifacts after the folder was moved or renamed."""
    database = folder / "mlflow.db"
    if not database.exists():
        return
    here = (folder / "mlartifacts").resolve().as_uri()
    columns = {
        "experiments": ("artifact_location",),
        "runs": ("artifact_uri",),
        "model_versions": ("source", "storage_location"),
    }
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        where = "SELECT artifact_location FROM experiments WHERE artifact_location LIKE ?"
        for (there,) in connection.execute(where, ("%/mlartifacts",)).fetchall():
            if there == here:
                continue
            for table, names in columns.items():
                for name in names:
                    connection.execute(
                        f"UPDATE {table} SET {name} = ? || substr({name}, ?) "  # noqa: S608  (constants)
                        f"WHERE substr({name}, 1, ?) = ?",
                        (here, len(there) + 1, len(there), there),
                    )


def without_secret(text: str) -> str:
    """Return a text without the passwords that addresses in it may hold.

    >>> without_secret("http://me:secret@host:5000/x")
    'http://***@host:5000/x'
    """
    return re.sub(r"(?<=://)[^/@\s]+@", "***@", text)


def _kind(key: str) -> str:
    """Tell what a key names: a trial (t0007), or a model that the study trains for its trials."""
    return "trial" if re.fullmatch(r"t\d+", key) else "model"


def _first_line(error: BaseException) -> str:
    text = without_secret(str(error).strip() or type(error).__name__)
    for known in ("Connection refused", "Name or service not known", "timed out"):
        if known in text:
            return known.lower()
    return text.splitlines()[0][:200].rstrip(".")
