"""The page of a study in MLflow: its own run, above those of its trials, and the experiment."""

import json
import math
from collections.abc import Sequence
from pathlib import PurePosixPath

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Run, RunTag

from tune_spaces.tracking.event_log import Event
from tune_spaces.tracking.markdown import plain
from tune_spaces.tracking.runs import StudyRuns
from tune_spaces.tracking.store import Store
from tune_spaces.tracking.view import ROLE, experiment_tags, run_path, runs_path
from tune_spaces.trial_state import TrialState

_NOTE, _VERDICT = "mlflow.note.content", "softnce.verdict"
_OUR_NOTE = "softnce.note"  # what we wrote of an experiment; what a person made of it stays
_OURS = "**softnce.** "  # began each note that older versions wrote, which did not keep it
_MOST_STUDIES, _LONGEST_VERDICT = 8, 600  # of an experiment's note, and characters of each
_LONGEST_NAME = 100  # characters of a study's name there
_LONGEST_OF_ALL = 5_000  # characters that every MLflow server keeps of an experiment's note
TABLES = "tables"  # the folder of artifacts whose files the UI shows as tables
_LONGEST_NOTE = 8_000  # characters that MLflow keeps of a description
_LONGEST_DIGEST = 36  # characters


class ParentPage:
    """Writes what a study says as a whole; each event may be sent twice."""

    def __init__(
        self, client: MlflowClient, store: Store, runs: StudyRuns, experiment: str
    ) -> None:
        """Prepare to write.

        Args:
            client: of the store.
            store: of the study.
            runs: of the study.
            experiment: its id.
        """
        self._client, self._store, self._runs = client, store, runs
        self._experiment = experiment

    def arrange(self, columns: Sequence[str]) -> None:
        """Let the experiment open as one of model training, sorted by the objective."""
        known = self._client.get_experiment(self._experiment).tags
        for name, value in experiment_tags(columns).items():
            if known.get(name) != value and (columns or name not in known):
                self._client.set_experiment_tag(self._experiment, name, value)

    def send_data(self, event: Event) -> None:
        """Log what the study learns from, once."""
        digest = event["digest"][:_LONGEST_DIGEST]
        known = self._client.get_run(self._runs.parent).inputs.dataset_inputs
        if any(one.dataset.digest == digest for one in known):
            return
        data = Dataset(
            name=event["name"][:500],
            digest=digest,
            source_type="local",
            source=json.dumps({"uri": event["source"]}),
            profile=json.dumps(event["sizes"]),
        )
        tags = [InputTag("mlflow.data.context", "training, validation and test")]
        self._client.log_inputs(self._runs.parent, [DatasetInput(data, tags)])

    def send_measures(self, event: Event) -> None:
        """Log metrics of the study as a whole."""
        metrics = [
            Metric(name, float(value), event["time_ms"], event["epoch"])
            for name, value in event["metrics"].items()
            if math.isfinite(value)
        ]
        self._client.log_batch(self._runs.parent, metrics=metrics)

    def send_files(self, event: Event) -> None:
        """Log files of the study's folder that are still there."""
        tables = []
        for path, place in event["files"].items():
            if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
                raise ValueError(f"{path} is no file of the study")
            file = self._store.folder / path
            if file.is_file():
                self._client.log_artifact(self._runs.parent, str(file), place or None)
                tables += [f"{place}/{file.name}"] if place == TABLES else []
        if tables:
            told = json.dumps([{"path": name, "type": "table"} for name in tables])
            self._client.set_tag(self._runs.parent, "mlflow.loggedArtifacts", told)

    def send_close(self, event: Event) -> None:
        """Write the state, then the description, which a verdict alone does not replace."""
        parent, note, page = self._runs.parent, event["note"], event.get("page", "")
        state = TrialState(event["state"])
        self._client.set_terminated(parent, state.in_mlflow, event["time_ms"])
        tags = [RunTag(_VERDICT, note)]
        known = self._client.get_run(parent).data.tags
        if page or known.get(_VERDICT) != note:
            tags.append(RunTag(_NOTE, self._with_links(page) if page else note))
        self._client.log_batch(parent, tags=tags)
        self._note_the_experiment()

    def _with_links(self, page: str) -> str:
        """Return a study's description with links below its first paragraph, where they fit."""
        run = run_path(self._experiment, self._runs.parent).removeprefix("/").partition("?")[0]
        table = runs_path(self._experiment).removeprefix("/")
        links = (
            f"[All figures]({run}/artifacts/report.html) | [All files]({run}/artifacts) | "
            f"[All trials, the best first]({table})"
        )
        first, _, rest = page.partition("\n\n")
        whole = f"{first}\n\n{links}\n\n{rest}"
        return whole if len(whole) <= _LONGEST_NOTE else page

    def _note_the_experiment(self) -> None:
        """Say the verdict of each study above the table of runs, unless a person wrote there."""
        tags = self._client.get_experiment(self._experiment).tags
        known = tags.get(_NOTE, "")
        if known != tags.get(_OUR_NOTE, known if known.startswith(_OURS) else ""):
            return
        studies = self._client.search_runs(
            [self._experiment],
            f"tags.`{ROLE}` = 'study'",
            max_results=_MOST_STUDIES + 1,
            order_by=["attributes.start_time DESC"],
        )
        note = self._told(studies)
        for name in (_OUR_NOTE, _NOTE):
            self._client.set_experiment_tag(self._experiment, name, note)

    def _told(self, studies: Sequence[Run]) -> str:
        """Return the lines of the newest studies that fit, and where the older ones are."""
        table = runs_path(self._experiment).removeprefix("/")
        lines = [self._line(study) for study in studies]
        for most in range(_MOST_STUDIES, 0, -1):
            older = "Older studies are in the table alone. " if len(lines) > most else ""
            told = "\n\n".join([*lines[:most], f"{older}[All trials, the best first]({table})"])
            if len(told) <= _LONGEST_OF_ALL:
                break
        return told

    def _line(self, study: Run) -> str:
        """Return the verdict of a study with a link to its page, in markdown."""
        page = run_path(self._experiment, study.info.run_id).removeprefix("/")
        verdict = study.data.tags.get(_VERDICT, "It has not ended.")
        name, verdict = _cut(study.info.run_name, _LONGEST_NAME), _cut(verdict, _LONGEST_VERDICT)
        return f"{plain(name)}: {plain(verdict)} [The study's page]({page})"


def _cut(text: str, most: int) -> str:
    """Return a text, or its beginning with an ellipsis.

    >>> _cut("Better.", 7), _cut("Better by 0.02.", 8)
    ('Better.', 'Better…')
    """
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
