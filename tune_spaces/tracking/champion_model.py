"""The champion in MLflow: a logged model that loads, registered under the alias champion."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput
from mlflow.exceptions import MlflowException

from softnce.secret import masked
from softnce.whole_files import share
from tune_spaces.tracking.event_log import Event
from tune_spaces.tracking.model_folder import DATA, write_model_files
from tune_spaces.tracking.runs import StudyRuns
from tune_spaces.tracking.store import Store, own_artifacts

_WEIGHTS = "*.safetensors"
_NAME = "model"  # of the logged model, so that runs:/RUN/model names it, too
_CARD = "README.md"
_LONGEST_DESCRIPTION = 5000  # characters, of a version of a registered model


class ChampionModel:
    """Logs and registers the champions of a study; each may be sent twice."""

    def __init__(self, client: MlflowClient, store: Store, runs: StudyRuns, study_id: str) -> None:
        """Prepare to send.

        Args:
            client: of the store.
            store: of the study.
            runs: of the study.
            study_id: tells it from others of its name in the same store.
        """
        self._client, self._store, self._runs, self._id = client, store, runs, study_id

    def send(self, event: Event, experiment: str, study: str) -> None:
        """Log the model that lies in the event's folder, and name it the champion.

        Args:
            event: of the champion.
            experiment: id of the study's experiment.
            study: its name.
        """
        if event["key"] != self._exported(event["key"]):
            return  # of an event that is sent again: another model lies in the folder by now
        run, name = self._runs.of(event), self._registered_name(study)
        former = self._alias(name, "champion")
        model = self._known_model(experiment, run) or self._new_model(experiment, run, event)
        version = self._known_version(name, run) or self._new_version(name, run, model)
        self._send_card(name, version, model, event)
        if former is not None and former.run_id == run:
            return
        if former is not None:
            self._client.set_registered_model_alias(name, "previous", former.version)
        self._client.set_registered_model_alias(name, "champion", version)
        self._client.set_tag(self._runs.parent, "softnce.champion", event["key"])

    def _known_model(self, experiment: str, run: str) -> Any:  # noqa: ANN401  (mlflow's LoggedModel)
        """Return the model of a run that was champion before: an event may be sent again."""
        where = f"source_run_id = '{run}'"
        found = self._client.search_logged_models([experiment], filter_string=where)
        return next((one for one in found if str(one.status) == "READY"), None)

    def _new_model(self, experiment: str, run: str, event: Event) -> Any:  # noqa: ANN401
        client = self._client
        client.log_text(run, event["config"], "config.yaml")
        model = client.create_logged_model(
            experiment,
            name=_NAME,
            source_run_id=run,
            params=self._client.get_run(run).data.params,
            tags={"softnce.trial": event["key"]},
            model_type="sentence-transformers",
        )
        folder = self._store.folder / event["folder"]
        client.log_model_artifacts(model.model_id, str(folder), DATA)
        if self._store.is_own:
            kept = own_artifacts(self._store.folder) / "models" / model.model_id / "artifacts"
            share(folder, kept / DATA, _WEIGHTS)
        with TemporaryDirectory() as building:
            write_model_files(Path(building), run, model.model_id)
            client.log_model_artifacts(model.model_id, building)
        self._send_metrics(run, model.model_id, event.get("metrics", {}), event["time_ms"])
        for one in (run, self._runs.parent):
            client.log_outputs(one, [LoggedModelOutput(model.model_id, step=0)])
        return client.finalize_logged_model(model.model_id, "READY")

    def _send_metrics(
        self, run: str, model_id: str, metrics: Mapping[str, float], time_ms: int
    ) -> None:
        for name, value in metrics.items():
            self._client.log_metric(
                run, f"best_{name}", float(value), time_ms, 0, synchronous=True, model_id=model_id
            )

    def _send_card(self, name: str, version: str, model: Any, event: Event) -> None:  # noqa: ANN401
        """Tell the model's card as it is now: a later verdict changes it, and nothing else."""
        card = self._store.folder / event["folder"] / _CARD
        if not card.is_file():
            return
        for place in ("", DATA):
            self._client.log_model_artifact(model.model_id, str(card), place or None)
        text = masked(card.read_text(encoding="utf-8", errors="replace"))
        self._client.update_model_version(name, version, text[:_LONGEST_DESCRIPTION])

    def _known_version(self, name: str, run: str) -> str | None:
        found = self._client.search_model_versions(f"name = '{name}' and run_id = '{run}'")
        return str(found[0].version) if found else None

    def _new_version(self, name: str, run: str, model: Any) -> str:  # noqa: ANN401
        if self._registered(name) is None:
            self._client.create_registered_model(name, tags={"softnce.study.id": self._id})
        made = self._client.create_model_version(
            name, model.artifact_location, run_id=run, model_id=model.model_id
        )
        return str(made.version)

    def _alias(self, name: str, alias: str) -> Any:  # noqa: ANN401  (mlflow's ModelVersion)
        try:
            return self._client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise

    def _exported(self, default: str) -> str:
        path = self._store.folder / "champion.txt"
        return path.read_text(errors="replace").strip() if path.is_file() else default

    def _registered_name(self, study: str) -> str:
        """Name the registered model; another study of this name may have taken the plain one."""
        name = f"softnce-{study}"
        known = self._registered(name)
        is_ours = known is None or known.tags.get("softnce.study.id", self._id) == self._id
        return name if is_ours else f"{name}-{self._id[:8]}"

    def _registered(self, name: str) -> Any:  # noqa: ANN401  (mlflow's RegisteredModel, or None)
        found = self._client.search_registered_models(f"name = '{name}'")
        return found[0] if found else None
