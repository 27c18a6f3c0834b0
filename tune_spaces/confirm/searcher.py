"""Ray Tune's searcher for a confirmation: it hands out the runs that are due, stage by stage."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from ray.tune.search import Searcher
from rich.console import Console

from softnce.config.config import Config
from softnce.config.file import value_at, with_overrides
from softnce.distributed.run import Assignment
from softnce.evaluation.metric_names import EPOCH_METRICS
from softnce.terminal.running import RunningPicture, duration
from tune_spaces.confirm.race import Race
from tune_spaces.confirm.runs import SPLITS, FreshRun
from tune_spaces.space.settings_read import paths_read
from tune_spaces.tracking.tracker import Tracker
from tune_spaces.trial_state import TrialState
from tune_spaces.tune.callbacks import SEED_GROUP, run_name, seed_group, trial_params
from tune_spaces.tune.searcher import StopSwitch, TuneSearcher

log = logging.getLogger(__name__)
Assign = Callable[[FreshRun, Config], Assignment]
_MEANS = tuple(f"{split}_mrr" for split in SPLITS)


@dataclass(frozen=True, slots=True)
class Sight:
    """Where a person looks: lines on a console, and the picture of what runs."""

    console: Console
    picture: RunningPicture


@final
class RaceSearcher(TuneSearcher):
    """Hands out runs until the race is over; a run that has ended is never trained again."""

    def __init__(
        self, race: Race, assign: Assign, switch: StopSwitch, tracker: Tracker, sight: Sight
    ) -> None:
        super().__init__(switch)
        self._race, self._assign = race, assign
        self._tracker, self._console, self._picture = tracker, sight.console, sight.picture
        self._running: dict[str, FreshRun] = {}

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
        tags = {
            "softnce.role": "confirm",
            "softnce.trial_confirmed": run.side,
            SEED_GROUP: seed_group(config),
        }
        is_named = run.side.endswith(f"-{config.loss.name}")  # t0007-infonce
        name = f"{run.side if is_named else run_name(run.side, config)}-s{run.seed}"
        self._tracker.begin(run.key, name, trial_params(config, _searched(config)), tags)
        assignment = self._assigned[trial_id] = self._assign(run, config)
        self._picture.begin(run.key, run.key, assignment.folder)
        return {"assignment": assignment, "is_spared": True}

    def reported(self, trial_id: str, result: dict[str, Any]) -> None:
        """Log an epoch, and in the end the means of both splits."""
        run = self._running.get(trial_id)
        if run is None or self._switch.is_cut_off:
            return
        self._last[trial_id] = result
        for one in [*result.get("before", ()), result]:
            if "epoch" in one:
                metrics = {name: one[name] for name in (*EPOCH_METRICS, *_MEANS) if name in one}
                self._tracker.report(run.key, one["epoch"], metrics | one.get("usage", {}))
                self._picture.tell(run.key, one["objective"])

    def _end(
        self, trial_id: str, state: TrialState, last: dict[str, Any], reason: str = ""
    ) -> None:
        run = self._running.pop(trial_id)
        self._assigned.pop(trial_id, None)
        self._last.pop(trial_id, None)
        if self._switch.is_cut_off:
            return
        if state is not TrialState.INTERRUPTED:
            self._race.runs.end(run, reason)
        _, seconds = self._picture.end(run.key, counts=state is not TrialState.INTERRUPTED)
        self._tracker.end(run.key, state, error=reason)
        means = [
            f"{split} {last[f'{split}_mrr']:.4f}" for split in SPLITS if f"{split}_mrr" in last
        ]
        told = "  ".join(means) or state
        log.info("%s: %s%s", run.key, told, f": {reason}" if reason else "")
        self._console.print(f"{run.key:<24} {told}  {duration(seconds)}", highlight=False)
        if reason:
            self._console.print(f"  {reason}", style="red", soft_wrap=True)


def _searched(config: Config) -> dict[str, Any]:
    """Return the values of what the study searches, as far as a configuration reads it."""
    read = paths_read(config)
    return {
        path: value_at(config, path)
        for path in config.search.space
        if path in read or not path.startswith(("loss/", "weights/"))
    }
