"""Ray Tune's searcher for a confirmation: it hands out the runs that are due, stage by stage."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, final

from ray.tune import Callback
from ray.tune.search import Searcher
from rich.console import Console

from softnce.config.config import Config
from softnce.config.file import value_at, with_overrides
from softnce.distributed.run import Assignment
from softnce.evaluation.metric_names import EPOCH_METRICS
from tune_spaces.confirm.race import Race
from tune_spaces.confirm.runs import SPLITS, FreshRun
from tune_spaces.space.settings_read import paths_read
from tune_spaces.tracking.tracker import Tracker
from tune_spaces.trial_state import TrialState
from tune_spaces.tune.callbacks import run_name, trial_params
from tune_spaces.tune.searcher import StopSwitch
from tune_spaces.tune.trial import ERROR_FILE

Assign = Callable[[FreshRun, Config], Assignment]
_MEANS = tuple(f"{split}_mrr" for split in SPLITS)


@final
class RaceSearcher(Searcher):
    """Hands out runs until the race is over; a run that has ended is never trained again."""

    def __init__(
        self, race: Race, assign: Assign, switch: StopSwitch, tracker: Tracker, console: Console
    ) -> None:
        super().__init__(metric="objective", mode="max")
        self._race, self._assign, self._switch = race, assign, switch
        self._tracker, self._console = tracker, console
        self._running: dict[str, FreshRun] = {}
        self._last: dict[str, dict[str, Any]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Let Tune write its restore file, which is never read."""
        return {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the next run that is due; None while the others of its stage run."""
        if self._switch.is_pressed():
            return str(Searcher.FINISHED)
        due = self._race.standing().due
        if not due:
            return None if self._running else str(Searcher.FINISHED)
        waiting = [run for run in due if run not in self._running.values()]
        if not waiting:
            return None
        run = self._running[trial_id] = waiting[0]
        side = self._race.contest.sides[run.side]
        config = with_overrides(side.config, {"optim/seed": run.seed})
        tags = {"softnce.role": "confirm", "softnce.trial_confirmed": run.side}
        name = f"{run_name(run.side, config)}-s{run.seed}"
        self._tracker.begin(run.key, name, trial_params(config, _searched(config)), tags)
        return {"assignment": self._assign(run, config), "is_spared": True}

    def reported(self, trial_id: str, result: dict[str, Any]) -> None:
        """Log an epoch, and in the end the means of both splits."""
        run = self._running.get(trial_id)
        if run is None or self._switch.is_cut_off:
            return
        self._last[trial_id] = result
        for one in [*result.get("before", ()), result]:
            if "epoch" in one:
                metrics = {name: one[name] for name in (*EPOCH_METRICS, *_MEANS) if name in one}
                self._tracker.report(run.key, one["epoch"], metrics)

    def on_trial_complete(
        self,
        trial_id: str,
        result: dict[str, Any] | None = None,
        error: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """Remember how a run ended; one that was interrupted goes on another time."""
        if trial_id not in self._running:
            return
        last = {**self._last.get(trial_id, {}), **(result or {})}
        if last.get("halts"):
            self._switch.press(last["failure"], last["exit_code"])
            self._end(trial_id, TrialState.INTERRUPTED)
        elif last.get("failure"):
            self._end(trial_id, TrialState.FAILED, last["failure"])
        elif last.get("finished") and not error:
            self._end(trial_id, TrialState.COMPLETE)
        elif self._switch.is_pressed():
            self._end(trial_id, TrialState.INTERRUPTED)
        else:
            self._end(trial_id, TrialState.FAILED, self._crash(trial_id))

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Do nothing: the relay reports every result."""

    def interrupt_rest(self) -> None:
        """Tell that runs of which Tune told no ending were interrupted."""
        for trial_id in list(self._running):
            self._end(trial_id, TrialState.INTERRUPTED)

    def save(self, checkpoint_path: str) -> None:
        """Keep nothing: the folders of the runs are the memory."""
        Path(checkpoint_path).touch()

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing."""

    def _end(self, trial_id: str, state: TrialState, reason: str = "") -> None:
        run, last = self._running.pop(trial_id), self._last.pop(trial_id, {})
        if self._switch.is_cut_off:
            return
        if state is not TrialState.INTERRUPTED:
            self._race.runs.end(run, reason)
        self._tracker.end(run.key, state, error=reason)
        means = [
            f"{split} {last[f'{split}_mrr']:.4f}" for split in SPLITS if f"{split}_mrr" in last
        ]
        self._console.print(f"{run.key:<24} {'  '.join(means) or state}", highlight=False)
        if reason:
            self._console.print(f"  {reason}", style="red", soft_wrap=True)

    def _crash(self, trial_id: str) -> str:
        path = self._race.runs.folder(self._running[trial_id]) / ERROR_FILE
        if path.exists():
            return path.read_text().strip().splitlines()[-1]
        return "the run's process was killed twice, perhaps for want of memory"


def _searched(config: Config) -> dict[str, Any]:
    """Return the values of what the study searches, as far as a configuration reads it."""
    read = paths_read(config)
    return {
        path: value_at(config, path)
        for path in config.search.space
        if path in read or not path.startswith(("loss/", "weights/"))
    }


@final
class RaceCallback(Callback):
    """Shows the searcher every result."""

    def __init__(self, searcher: RaceSearcher) -> None:
        self._searcher = searcher

    def __getstate__(self) -> dict[str, Any]:
        """Let Tune write its restore file, which is never read."""
        return {}

    def on_trial_result(
        self,
        iteration: int,
        trials: list[Any],
        trial: Any,  # noqa: ANN401
        result: dict[str, Any],
        **info: object,
    ) -> None:
        """Pass a result on."""
        del iteration, trials, info
        self._searcher.reported(trial.trial_id, result)
