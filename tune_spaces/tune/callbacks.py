"""Those who watch a search: its log in MLflow, and the person at the terminal."""

import hashlib
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, final

from softnce.config.config import Config
from softnce.config.file import to_yaml
from softnce.evaluation.metric_names import COST_METRICS, EPOCH_METRICS, TEST_METRIC
from softnce.whole_files import write_text
from tune_spaces.space.settings_read import paths_read, trained_with_any_seed
from tune_spaces.space.space import SearchSpace
from tune_spaces.study.context import StudyContext
from tune_spaces.study.retention import apply_retention
from tune_spaces.study.trial_store import Proposal, TrialStore
from tune_spaces.study.verdicts.verdict import best_infonce, champion, rows
from tune_spaces.tracking.store import Store, own_uri
from tune_spaces.tracking.tracker import Tracker
from tune_spaces.trial_state import TrialState

log = logging.getLogger(__name__)
SEED_GROUP = "softnce.configuration"  # tag of a run: the same for all seeds
_LOGGED = (*EPOCH_METRICS, *COST_METRICS, TEST_METRIC)
NAMED = {
    "loss/name", "loss/temperature", "optim/learning_rate", "optim/batch_size", "optim/seed",
    "weights/estimator", "weights/alpha", "weights/beta", "weights/temperature", "weights/scale",
}  # fmt: skip


def tracker_of(context: StudyContext, study_id: str) -> Tracker:
    """Build the MLflow writer of a study: its settings, else the environment's, else its own.

    Args:
        context: the study.
        study_id: tells it from others of its name on the same server.
    """
    tracking, root = context.config.tracking, context.folder.root
    uri = tracking.uri or os.environ.get("MLFLOW_TRACKING_URI") or own_uri(root)
    experiment = tracking.experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME")
    store = Store(uri, experiment or f"softnce/{context.folder.name}", root)
    return Tracker(store, context.folder.name, study_id)


class Watcher(ABC):
    """Is told what happens to each trial, in the process that searches."""

    @abstractmethod
    def started(self, proposal: Proposal, config: Config) -> None:
        """A trial begins, or goes on after an interruption."""

    @abstractmethod
    def reported(self, proposal: Proposal, result: Mapping[str, Any]) -> None:
        """A trial has done an epoch."""

    @abstractmethod
    def ended(
        self, proposal: Proposal, state: TrialState, value: float | None, reason: str
    ) -> None:
        """A trial has ended, or was interrupted."""


@final
class MLflowWatcher(Watcher):
    """Logs each trial as a child run."""

    def __init__(self, tracker: Tracker, trial_store: TrialStore, space: SearchSpace) -> None:
        """Prepare for a study.

        Args:
            tracker: tells MLflow.
            trial_store: tells which trials are the best.
            space: of the study.
        """
        self._tracker, self._trial_store, self._space = tracker, trial_store, space

    def started(self, proposal: Proposal, config: Config) -> None:
        """Open the child run with its parameters."""
        params = trial_params(config, proposal.values)
        tags = {
            "softnce.role": proposal.role,
            "softnce.proposed_by": proposal.proposed_by,
            SEED_GROUP: seed_group(config),
        }
        self._tracker.begin(proposal.key, run_name(proposal.key, config), params, tags)

    def reported(self, proposal: Proposal, result: Mapping[str, Any]) -> None:
        """Log the epoch's metrics."""
        metrics = {name: result[name] for name in _LOGGED if name in result}
        self._tracker.report(proposal.key, result["epoch"], metrics | result.get("usage", {}))

    def ended(
        self, proposal: Proposal, state: TrialState, value: float | None, reason: str
    ) -> None:
        """Close the child run with the state in which the trial ended; tell the best so far."""
        del value
        self._tracker.end(proposal.key, state, error=reason)
        if not state.has_ended:
            return
        table = rows(self._trial_store.trials(), self._space)
        found = {"best_objective": champion(table), "best_objective_infonce": best_infonce(table)}
        best = {name: row.value for name, row in found.items() if row and row.value is not None}
        self._tracker.measure(best, sum(row.state.has_ended for row in table))


@final
class LogWatcher(Watcher):
    """Writes how each trial begins and ends into the log of the study."""

    def started(self, proposal: Proposal, config: Config) -> None:
        """Log who chose the trial, and its loss."""
        name = run_name(proposal.key, config)
        log.info("%s started: %s, by %s", name, proposal.role, proposal.proposed_by)

    def reported(self, proposal: Proposal, result: Mapping[str, Any]) -> None:
        """Nothing to do: the trial's own log tells of its epochs."""

    def ended(
        self, proposal: Proposal, state: TrialState, value: float | None, reason: str
    ) -> None:
        """Log the trial's state, its best metric if it has one, and what went wrong."""
        score = "" if value is None else f" with {value:.4f}"
        log.info("%s %s%s%s", proposal.key, state, score, f": {reason}" if reason else "")


@final
class RetentionWatcher(Watcher):
    """Frees what no trial needs any more, each time that one has ended."""

    def __init__(self, context: StudyContext, trial_store: TrialStore) -> None:
        """Prepare for a study.

        Args:
            context: the study.
            trial_store: tells which of its trials are the best.
        """
        self._context, self._trial_store = context, trial_store

    def started(self, proposal: Proposal, config: Config) -> None:
        """Store the trial's configuration beside its checkpoints."""
        path = self._context.folder.trial(proposal.key)
        path.mkdir(parents=True, exist_ok=True)
        write_text(path / "config.yaml", to_yaml(config))

    def reported(self, proposal: Proposal, result: Mapping[str, Any]) -> None:
        """Nothing to do."""

    def ended(
        self, proposal: Proposal, state: TrialState, value: float | None, reason: str
    ) -> None:
        """Keep the best trials' best weights only."""
        del value, reason
        table = rows(self._trial_store.trials(), self._context.space)
        just_complete = proposal.key if state == TrialState.COMPLETE else None
        apply_retention(self._context, table, just_complete)


def unseen_watchers(
    context: StudyContext, tracker: Tracker, trial_store: TrialStore
) -> list[Watcher]:
    """Return those who watch every search, whatever a person sees of it."""
    return [
        LogWatcher(),
        MLflowWatcher(tracker, trial_store, context.space),
        RetentionWatcher(context, trial_store),
    ]


def run_name(key: str, config: Config) -> str:
    """Name a trial's run: t0007-bm25-a1.50-b0.50-t1.00, t0000-infonce or t0009-top-k-bm25."""
    spec = config.loss.spec
    usual = "{loss.name}-{weights.estimator}" if spec.has_estimator else "{loss.name}"
    return f"{key}-" + (spec.run_name or usual).format(loss=config.loss, weights=config.weights)


def seed_group(config: Config) -> str:
    """Name a configuration but for its seed: runs that differ in nothing else share the name."""
    content = repr(trained_with_any_seed(config)).encode()
    return f"{config.loss.name}-{hashlib.sha256(content).hexdigest()[:8]}"


def trial_params(config: Config, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a trial's parameters as columns; what its loss and estimator do not read is absent."""
    weights, read = config.weights, paths_read(config)
    params: dict[str, Any] = {"loss": config.loss.name}
    if config.loss.spec.has_estimator:
        params["estimator"] = weights.estimator
        if weights.spec.settings:  # its section holds nothing else
            section = weights.spec.section
            own = getattr(weights, section).model_dump()
            params |= {f"weights/{section}/{name}": value for name, value in own.items()}
    for name in ("temperature", "scale", "alpha", "beta"):
        if f"weights/{name}" in read:
            params[name] = getattr(weights, name)
    if {"alpha", "beta"} <= params.keys():
        params["alpha_over_beta"] = weights.alpha / weights.beta
    params |= {
        "loss_temperature": config.loss.temperature,
        "learning_rate": config.optim.learning_rate,
        "batch_size": config.optim.batch_size,
        "epochs": config.optim.epochs,
        "seed": config.optim.seed,
        "encoder": config.encoder.model or config.encoder.kind,
    }
    if config.encoder.lora.rank is not None:
        lora = config.encoder.lora.model_dump()
        params |= {f"encoder/lora/{name}": value for name, value in lora.items()}
    params |= {
        f"loss/{one.name}": getattr(config.loss, one.name) for one in config.loss.spec.settings
    }
    if config.data.negatives:
        params["negatives"] = config.data.negatives
        params["negatives_from"] = config.data.negatives_from
    return params | {path: values[path] for path in sorted(values) if path not in NAMED}
