"""Events of a study as MLflow has them; whoever else imports mlflow is imported from here."""

import math
import os
import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # it would show the password
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from softnce.secret import masked
from tune_spaces.tracking.champion_model import ChampionModel
from tune_spaces.tracking.event_log import Event
from tune_spaces.tracking.links import store_links
from tune_spaces.tracking.markdown import plain
from tune_spaces.tracking.parent_page import ParentPage
from tune_spaces.tracking.runs import StudyRuns
from tune_spaces.tracking.store import Store, own_artifacts, relocate
from tune_spaces.tracking.view import ROLE
from tune_spaces.trial_state import TrialState

UNREACHABLE = (MlflowException, OSError, sqlite3.Error, SQLAlchemyError)
MISSHAPEN = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
_END_OF_INTEGERS = 2**63  # in a database
_ENDINGS = {
    TrialState.PRUNED: "Stopped early by ASHA: it trailed the other trials at the same epoch.",
    TrialState.INTERRUPTED: "Interrupted; the same softnce search continues it.",
}
_REFUSED = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "BAD_REQUEST")


class Sender:
    """Finds or makes a study's runs, and writes its events to them; each may be sent twice."""

    def __init__(self, store: Store, study: str, study_id: str = "") -> None:
        self._store, self._study, self._id = store, study, study_id

    def connect(self) -> None:
        """Find or create the experiment.

        Raises:
            MlflowException: as all of ``UNREACHABLE``, the server or database is out of reach.
            ValueError: its address cannot be parsed.
        """
        if self._store.is_own:
            _make_own_database(self._store.folder)
            relocate(self._store.folder)
        self._client = MlflowClient(self._store.uri, registry_uri=self._store.uri)
        self._experiment = self._found_experiment()

    def open(self, description: Mapping[str, str], columns: Sequence[str] = ()) -> None:
        """Find or create the study's parent run, and close what a dead search left running.

        Args:
            description: tags of the parent run; an empty one leaves what is there.
            columns: parameters that the experiment's table shows besides the usual ones.
        """
        self._runs = StudyRuns(self._client, self._experiment, self._study, self._id)
        self._champion = ChampionModel(self._client, self._store, self._runs, self._id)
        self._page = ParentPage(self._client, self._store, self._runs, self._experiment)
        self._runs.open_parent()
        tags = {name: value for name, value in description.items() if value} | {ROLE: "study"}
        self._client.log_batch(self._runs.parent, tags=[RunTag(*tag) for tag in tags.items()])
        self._page.arrange(columns)
        self._runs.sweep()
        store_links(self._store.folder, self._experiment, self._runs.parent)

    def send(self, event: Event) -> None:
        """Write an event; one that was written already changes nothing.

        Raises:
            MlflowException: the server refuses or is out of reach; ``is_refused`` tells.
        """
        senders: dict[str, Callable[[Event], None]] = {
            "begin": self._send_begin,
            "report": self._send_report,
            "end": self._send_end,
            "champion": self._send_champion,
            "data": self._page.send_data,
            "measure": self._page.send_measures,
            "files": self._page.send_files,
            "close": self._page.send_close,
        }
        for name in ("time_ms", "epoch"):  # a larger number would be tried without end
            if not 0 <= int(event.get(name, 0)) < _END_OF_INTEGERS:
                raise ValueError(f"{name} is out of range")
        senders[event["kind"]](event)

    def _send_begin(self, event: Event) -> None:
        run = self._runs.begun(event)
        params = [Param(name, str(value)[:6000]) for name, value in event["params"].items()]
        known = self._client.get_run(run).data.params
        self._client.log_batch(run, params=[param for param in params if param.key not in known])

    def _send_report(self, event: Event) -> None:
        run = self._runs.of(event)
        metrics = [
            Metric(name, float(value), event["time_ms"], event["epoch"])
            for name, value in event["metrics"].items()
            if isinstance(value, int | float) and math.isfinite(value)
        ]
        self._client.log_batch(run, metrics=metrics)

    def _send_end(self, event: Event) -> None:
        run, state = self._runs.of(event), TrialState(event["state"])
        tags = [RunTag("trial.state", state.tag)]
        if event["error"]:
            tags.append(RunTag("trial.error", event["error"][:4000]))
        told = plain(event["error"][:3000]) or _ENDINGS.get(state)
        if told:
            tags.append(RunTag("mlflow.note.content", told))
        self._client.log_batch(run, tags=tags)
        self._client.set_terminated(run, state.in_mlflow, end_time=event["time_ms"])

    def _send_champion(self, event: Event) -> None:
        self._champion.send(event, self._experiment, self._study)

    def _found_experiment(self) -> str:
        name = self._store.experiment
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        own = own_artifacts(self._store.folder).as_uri()
        location = own if self._store.is_own else None
        return str(self._client.create_experiment(name, artifact_location=location))


def is_refused(error: BaseException) -> bool:
    """Tell whether MLflow will never take an event, however often it is sent."""
    if isinstance(error, MlflowException):
        return error.error_code in _REFUSED
    return isinstance(error, MISSHAPEN)


def _make_own_database(folder: Path) -> None:
    """Let the study's database appear whole, so that an interrupted start leaves no torn one."""
    database = folder / "mlflow.db"
    building = folder / f".mlflow.db.{secrets.token_hex(4)}"  # MLflow remembers each by its name
    if database.exists() and database.stat().st_size > 0:
        return
    for torn in folder.glob(".mlflow.db.*"):
        torn.unlink(missing_ok=True)
    uri = f"sqlite:///{building.resolve()}"
    MlflowClient(uri, registry_uri=uri).search_experiments(max_results=1)
    building.rename(database)


def first_line(error: BaseException) -> str:
    """Say in a few words, without secrets, what MLflow or the way to it lacks."""
    text = masked(str(error).strip() or type(error).__name__)
    for known in ("Connection refused", "Name or service not known", "timed out"):
        if known in text:
            return known.lower()
    return text.splitlines()[0][:200].rstrip(".")
