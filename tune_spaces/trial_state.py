"""What has become of a trial, in one vocabulary; Optuna's and MLflow's are told from it here."""

from enum import StrEnum

import optuna


class TrialState(StrEnum):
    """The state of a trial, or of a study as a whole.

    WAITING: lined up. RUNNING: a process trains it. COMPLETE: all epochs are done. PRUNED: stopped
    early because it trailed. FAILED: an error, or a loss that is no number. INTERRUPTED: its search
    ended before it did; the next search continues it.
    """

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @classmethod
    def _missing_(cls, value: object) -> "TrialState | None":
        """Read the word of older studies."""
        return cls.FAILED if value == "fail" else None

    @classmethod
    def stored(cls, state: optuna.trial.TrialState) -> "TrialState":
        """Return the state of a trial whose search is over: one that Optuna calls running waits."""
        return _STORED[state]

    @property
    def has_ended(self) -> bool:
        """Tell whether nothing of the trial is trained any more."""
        return self in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAILED)

    @property
    def in_optuna(self) -> optuna.trial.TrialState:
        """Optuna's word, which knows of no interruption."""
        return _OPTUNA[self]

    @property
    def in_mlflow(self) -> str:
        """The status of the MLflow run; to be stopped early is no failure, and the tag tells it."""
        return _MLFLOW[self]

    @property
    def tag(self) -> str:
        """The value of the run's tag ``trial.state``: Optuna's word, or INTERRUPTED."""
        return "INTERRUPTED" if self is TrialState.INTERRUPTED else self.in_optuna.name


_OPTUNA = {
    TrialState.WAITING: optuna.trial.TrialState.WAITING,
    TrialState.RUNNING: optuna.trial.TrialState.RUNNING,
    TrialState.COMPLETE: optuna.trial.TrialState.COMPLETE,
    TrialState.PRUNED: optuna.trial.TrialState.PRUNED,
    TrialState.FAILED: optuna.trial.TrialState.FAIL,
    TrialState.INTERRUPTED: optuna.trial.TrialState.RUNNING,
}
_STORED = {theirs: ours for ours, theirs in _OPTUNA.items() if ours is not TrialState.RUNNING}
_MLFLOW = {
    TrialState.WAITING: "SCHEDULED",
    TrialState.RUNNING: "RUNNING",
    TrialState.COMPLETE: "FINISHED",
    TrialState.PRUNED: "FINISHED",
    TrialState.FAILED: "FAILED",
    TrialState.INTERRUPTED: "KILLED",
}
