"""Events of a study as MLflow has them; the only module that imports mlflow."""

import math
import os
import re
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # it would show the password
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from softnce.secret import masked
from softnce.whole_files import share
from tune_spaces.tracking.event_log import Event
from tune_spaces.tracking.store import Store, own_artifacts, relocate
from tune_spaces.trial_state import TrialState

UNREACHABLE = (MlflowException, OSError, sqlite3.Error, SQLAlchemyError)
MISSHAPEN = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
_WEIGHTS = "*.safetensors"
_LONGEST_DESCRIPTION = 5000  # characters, of a version of a registered model
_END_OF_INTEGERS = 2**63  # in a database
_REFUSED = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "BAD_REQUEST")


class Sender:
    """Finds or makes a study's runs, and writes its events to them; each may be sent twice."""

    def __init__(self, store: Store, study: str, study_id: str = "") -> None:
        self._store, self._study, self._id = store, study, study_id
        self._runs: dict[str, str] = {}

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

    def open(self, description: Mapping[str, str]) -> None:
        """Find or create the study's parent run, and close what a dead search left running.

        Args:
            description: tags of the parent run; an empty one leaves what is there.
        """
        tags = {name: value for name, value in description.items() if value}
        self._parent = self._found_run("study", self._study, self._study, {})
        self._client.log_batch(self._parent, tags=[RunTag(*tag) for tag in tags.items()])
        self._sweep()

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
            "close": self._send_close,
        }
        for name in ("time_ms", "epoch"):  # a larger number would be tried without end
            if not 0 <= int(event.get(name, 0)) < _END_OF_INTEGERS:
                raise ValueError(f"{name} is out of range")
        senders[event["kind"]](event)

    def _send_begin(self, event: Event) -> None:
        tags = {"mlflow.parentRunId": self._parent, **event["tags"]}
        run = self._found_run(
            _kind(event["key"]), event["key"], event["name"], tags, event.get("time_ms")
        )
        params = [Param(name, str(value)[:6000]) for name, value in event["params"].items()]
        known = self._client.get_run(run).data.params
        self._client.log_batch(run, params=[param for param in params if param.key not in known])

    def _send_report(self, event: Event) -> None:
        run = self._run_of(event)
        metrics = [
            Metric(name, float(value), event["time_ms"], event["epoch"])
            for name, value in event["metrics"].items()
            if isinstance(value, int | float) and math.isfinite(value)
        ]
        self._client.log_batch(run, metrics=metrics)

    def _send_end(self, event: Event) -> None:
        run, state = self._run_of(event), TrialState(event["state"])
        tags = [RunTag("trial.state", state.tag)]
        if event["error"]:
            tags.append(RunTag("trial.error", event["error"][:4000]))
        self._client.log_batch(run, tags=tags)
        self._client.set_terminated(run, state.in_mlflow, end_time=event["time_ms"])

    def _send_champion(self, event: Event) -> None:
        if event["key"] != self._exported_champion(event["key"]):
            return  # of an event that is sent again: another model lies in the folder by now
        run, name = self._run_of(event), self._model_name()
        former = self._alias(name, "champion")
        version = self._known_version(name, run) or self._new_version(name, run, event)
        self._send_card(name, version, run, event)
        if former is not None and former.run_id == run:
            return
        if former is not None:
            self._client.set_registered_model_alias(name, "previous", former.version)
        self._client.set_registered_model_alias(name, "champion", version)
        self._client.set_tag(self._parent, "softnce.champion", event["key"])

    def _send_card(self, name: str, version: str, run: str, event: Event) -> None:
        """Tell the model's card as it is now: a later verdict changes it, and nothing else."""
        card = self._store.folder / event["folder"] / "README.md"
        if card.is_file():
            self._client.log_artifact(run, str(card), "model")
            text = masked(card.read_text(encoding="utf-8", errors="replace"))
            self._client.update_model_version(name, version, text[:_LONGEST_DESCRIPTION])

    def _known_version(self, name: str, run: str) -> str | None:
        """Return the version of a run that was champion before: an event may be sent again."""
        found = self._client.search_model_versions(f"name = '{name}' and run_id = '{run}'")
        return str(found[0].version) if found else None

    def _new_version(self, name: str, run: str, event: Event) -> str:
        self._client.log_text(run, event["config"], "config.yaml")
        folder = self._store.folder / event["folder"]
        self._client.log_artifacts(run, str(folder), "model")
        if self._store.is_own:
            share(folder, own_artifacts(self._store.folder) / run / "artifacts/model", _WEIGHTS)
        source = f"{self._client.get_run(run).info.artifact_uri}/model"
        if self._registered(name) is None:
            self._client.create_registered_model(name, tags={"softnce.study.id": self._id})
        return str(self._client.create_model_version(name, source, run_id=run).version)

    def _send_close(self, event: Event) -> None:
        self._client.set_tag(self._parent, "mlflow.note.content", event["note"])
        state = TrialState(event["state"])
        self._client.set_terminated(self._parent, state.in_mlflow, event["time_ms"])

    def _alias(self, name: str, alias: str) -> Any:  # noqa: ANN401  (mlflow's ModelVersion)
        try:
            return self._client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise

    def _exported_champion(self, default: str) -> str:
        path = self._store.folder / "champion.txt"
        return path.read_text(errors="replace").strip() if path.is_file() else default

    def _model_name(self) -> str:
        """Name the registered model; another study of this name may have taken the plain one."""
        name = f"softnce-{self._study}"
        known = self._registered(name)
        is_ours = known is None or known.tags.get("softnce.study.id", self._id) == self._id
        return name if is_ours else f"{name}-{self._id[:8]}"

    def _registered(self, name: str) -> Any:  # noqa: ANN401  (mlflow's RegisteredModel, or None)
        found = self._client.search_registered_models(f"name = '{name}'")
        return found[0] if found else None

    def _found_experiment(self) -> str:
        name = self._store.experiment
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        own = own_artifacts(self._store.folder).as_uri()
        location = own if self._store.is_own else None
        return str(self._client.create_experiment(name, artifact_location=location))

    def _found_run(
        self, tag: str, key: str, name: str, tags: Mapping[str, str], began_ms: int | None = None
    ) -> str:
        """Return the run tagged ``softnce.<tag> = key`` of this study, re-opened, or a new one.

        A new one began at its event, however late that is sent: now unless ``began_ms`` is given.
        """
        run = self._known_run(tag, key)
        if run is not None:
            self._client.update_run(run, status=TrialState.RUNNING.in_mlflow)
        else:
            own = {
                f"softnce.{tag}": key,
                "softnce.study.name": self._study,
                "softnce.study.id": self._id,
            }
            created = self._client.create_run(
                self._experiment, began_ms, tags={**own, **tags}, run_name=name
            )
            run = str(created.info.run_id)
        self._runs[key] = run
        return run

    def _known_run(self, tag: str, key: str) -> str | None:
        where = f"tags.`softnce.{tag}` = '{key}' and {self._own_runs()}"
        found = self._client.search_runs([self._experiment], where, max_results=1)
        return str(found[0].info.run_id) if found else None

    def _own_runs(self) -> str:
        """Return the filter of this study's runs, which others of its name may share a store with.

        The runs of a study that was made without an id are found by its name.
        """
        if self._id:
            return f"tags.`softnce.study.id` = '{self._id}'"
        return f"tags.`softnce.study.name` = '{self._study}'"

    def _run_of(self, event: Event) -> str:
        """Return the run of an event's trial as it is: one that has ended stays so."""
        key = event["key"]
        if key not in self._runs:
            known = self._known_run(_kind(key), key)
            if known is None:
                tags = {"mlflow.parentRunId": self._parent}
                return self._found_run(_kind(key), key, key, tags, event.get("time_ms"))
            self._runs[key] = known
        return self._runs[key]

    def _sweep(self) -> None:
        """Close runs that a dead search left running; those that go on are re-opened."""
        where = (
            f"{self._own_runs()} and attributes.status = '{TrialState.RUNNING.in_mlflow}' "
            f"and tags.`mlflow.parentRunId` = '{self._parent}'"
        )
        for run in self._client.search_runs([self._experiment], where):
            self._client.set_tag(run.info.run_id, "trial.state", TrialState.INTERRUPTED.tag)
            self._client.set_terminated(run.info.run_id, TrialState.INTERRUPTED.in_mlflow)


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


def _kind(key: str) -> str:
    """Tell what a key names: a trial (t0007), a fresh run of one (t0007-s20001), or a model."""
    if re.fullmatch(r"t\d+", key):
        return "trial"
    return "confirm" if re.fullmatch(r"t\d+(-infonce)?-s\d+", key) else "model"


def first_line(error: BaseException) -> str:
    """Say in a few words, without secrets, what MLflow or the way to it lacks."""
    text = masked(str(error).strip() or type(error).__name__)
    for known in ("Connection refused", "Name or service not known", "timed out"):
        if known in text:
            return known.lower()
    return text.splitlines()[0][:200].rstrip(".")
