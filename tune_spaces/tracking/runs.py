"""The runs of a study in MLflow: found again by their tags, made where they are missing."""

import re
from collections.abc import Mapping
from typing import Any

from mlflow import MlflowClient

from tune_spaces.trial_state import TrialState


class StudyRuns:
    """Finds, makes and re-opens the runs of one study in one experiment."""

    def __init__(self, client: MlflowClient, experiment: str, study: str, study_id: str) -> None:
        """Prepare to look.

        Args:
            client: of the store.
            experiment: its id.
            study: name of the study.
            study_id: tells it from others of its name in the same store.
        """
        self._client, self._experiment = client, experiment
        self._study, self._id = study, study_id
        self._known: dict[str, str] = {}
        self.parent = ""  # from open_parent on

    def open_parent(self) -> None:
        """Find or create the study's own run."""
        self.parent = self.opened("study", self._study, self._study, {})

    def opened(
        self, tag: str, key: str, name: str, tags: Mapping[str, str], began_ms: int | None = None
    ) -> str:
        """Return the run tagged ``softnce.<tag> = key`` of this study, re-opened, or a new one.

        A new one began at its event, however late that is sent: now unless ``began_ms`` is given.
        """
        run = self._found(tag, key)
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
        self._known[key] = run
        return run

    def begun(self, event: Mapping[str, Any]) -> str:
        """Return the run of a trial that begins or goes on."""
        key = event["key"]
        tags = {**self._below_parent(), **event["tags"]}
        return self.opened(kind(key), key, event["name"], tags, event.get("time_ms"))

    def of(self, event: Mapping[str, Any]) -> str:
        """Return the run of an event's trial as it is: one that has ended stays so."""
        key = event["key"]
        if key not in self._known:
            found = self._found(kind(key), key)
            if found is None:
                below = self._below_parent()
                return self.opened(kind(key), key, key, below, event.get("time_ms"))
            self._known[key] = found
        return self._known[key]

    def sweep(self) -> None:
        """Close runs that a dead search left running; those that go on are re-opened."""
        where = (
            f"{self._own()} and attributes.status = '{TrialState.RUNNING.in_mlflow}' "
            f"and tags.`mlflow.parentRunId` = '{self.parent}'"
        )
        for run in self._client.search_runs([self._experiment], where):
            self._client.set_tag(run.info.run_id, "trial.state", TrialState.INTERRUPTED.tag)
            self._client.set_terminated(run.info.run_id, TrialState.INTERRUPTED.in_mlflow)

    def _below_parent(self) -> dict[str, str]:
        return {"mlflow.parentRunId": self.parent}

    def _found(self, tag: str, key: str) -> str | None:
        where = f"tags.`softnce.{tag}` = '{key}' and {self._own()}"
        found = self._client.search_runs([self._experiment], where, max_results=1)
        return str(found[0].info.run_id) if found else None

    def _own(self) -> str:
        """Return the filter of this study's runs, which others of its name may share a store with.

        The runs of a study that was made without an id are found by its name.
        """
        if self._id:
            return f"tags.`softnce.study.id` = '{self._id}'"
        return f"tags.`softnce.study.name` = '{self._study}'"


def kind(key: str) -> str:
    """Tell what a key names: a trial (t0007), a fresh run of one (t0007-s20001), or a model."""
    if re.fullmatch(r"t\d+", key):
        return "trial"
    return "confirm" if re.fullmatch(r"t\d+(-infonce)?-s\d+", key) else "model"
