"""Ray Tune's searcher on the trial store: it hands out proposals and reports how each trial ended.

Tune calls ``on_trial_complete`` alike for a trial that did all its epochs, one that ASHA stopped,
and one cut off by Ctrl-C or the time budget. The trainable's own ``finished`` and our stop flag
tell them apart.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from ray.tune import Callback, Stopper
from ray.tune.search import Searcher

from softnce.config.config import Config
from softnce.distributed.run import Assignment
from softnce.errors import EXIT_STOPPED, ConfigError
from softnce.evaluation.metric_names import COST_METRICS, TEST_METRIC
from softnce.training.resource_errors import memory_advice
from tune_spaces.study.trial_store import Proposal, TrialStore
from tune_spaces.trial_state import TrialState
from tune_spaces.tune.callbacks import Watcher
from tune_spaces.tune.gpu_meter import GPUMeter
from tune_spaces.tune.of_this_process import OfThisProcess
from tune_spaces.tune.trial import ERROR_FILE

Assign = Callable[[str, Config], Assignment]


@final
class StopSwitch(OfThisProcess, Stopper):
    """Ends the search, by a signal or when its time or GPU hours are spent.

    Trials stay resumable.
    """

    def __init__(self, time_budget_s: float | None, meter: GPUMeter | None = None) -> None:
        self.meter = meter
        self._end = None if time_budget_s is None else time.monotonic() + time_budget_s
        self._pressed = threading.Event()
        self.reason = ""
        self.exit_code = EXIT_STOPPED
        self.is_cut_off = False

    def press(self, reason: str, exit_code: int = EXIT_STOPPED) -> None:
        """Stop as soon as possible; the first reason stays."""
        if not self.reason:
            self.reason, self.exit_code = reason, exit_code
        self._pressed.set()

    def cut_off(self, reason: str, exit_code: int) -> None:
        """Stop, and write nothing more of the study: another search has taken it over."""
        self.is_cut_off = True
        self.press(reason, exit_code)

    def is_pressed(self) -> bool:
        """Tell whether the search is ending early."""
        if self._end is not None and time.monotonic() > self._end:
            self.press("the time budget is spent")
        if self.meter is not None and self.meter.is_spent:
            self.press(f"{self.meter.limit:g} GPU hours are spent (search.max_gpu_hours)")
        return self._pressed.is_set()

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Never stop a single trial: that is ASHA's part."""
        del trial_id, result
        return False

    def stop_all(self) -> bool:
        """Tell Tune whether to end."""
        return self.is_pressed()


@dataclass(frozen=True, slots=True)
class Plan:
    """How far a search goes.

    Attributes:
        space_config: turns a proposal's values into a configuration.
        assign: turns a trial's key and configuration into what its process is sent.
        trials: how many trials shall have ended.
    """

    space_config: Callable[[Mapping[str, Any]], Config]
    assign: Assign
    trials: int


class TuneSearcher(OfThisProcess, Searcher, ABC):
    """What a search and a confirmation share: how the ending of what Tune runs is told."""

    def __init__(self, switch: StopSwitch) -> None:
        super().__init__(metric="objective", mode="max")
        self._switch = switch
        self._assigned: dict[str, Assignment] = {}  # all that runs, by Tune's id
        self._last: dict[str, dict[str, Any]] = {}

    @abstractmethod
    def reported(self, trial_id: str, result: dict[str, Any]) -> None:
        """Record a result; unlike on_trial_result this sees a trial's last one too."""

    @abstractmethod
    def _end(
        self, trial_id: str, state: TrialState, last: dict[str, Any], reason: str = ""
    ) -> None:
        """Record how one ended, with the last that it reported, and forget it."""

    def on_trial_complete(
        self,
        trial_id: str,
        result: dict[str, Any] | None = None,
        error: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """Tell the true ending of one that Tune runs no more."""
        if trial_id not in self._assigned:
            return
        last = {**self._last.get(trial_id, {}), **(result or {})}
        if last.get("halts"):  # not its own fault: the next one would meet it too
            self._switch.press(last["failure"], last["exit_code"])
            self._end(trial_id, TrialState.INTERRUPTED, last)
        elif last.get("failure"):
            self._end(trial_id, TrialState.FAILED, last, last["failure"])
        elif last.get("finished") and not error:
            self._end(trial_id, TrialState.COMPLETE, last)
        elif self._switch.is_pressed():
            self._end(trial_id, TrialState.INTERRUPTED, last)
        elif error:
            self._end(trial_id, TrialState.FAILED, last, _crash(self._assigned[trial_id]))
        else:
            self._end(trial_id, TrialState.PRUNED, last)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Do nothing: the relay reports every result."""

    def interrupt_rest(self) -> None:
        """Tell that those of which Tune told no ending were interrupted; it runs no more."""
        for trial_id in list(self._assigned):
            self._end(trial_id, TrialState.INTERRUPTED, self._last.get(trial_id, {}))

    def save(self, checkpoint_path: str) -> None:
        """Keep nothing: the study's folder is the memory."""
        Path(checkpoint_path).touch()

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing: what runs is always begun from the study's folder."""


def _crash(assignment: Assignment) -> str:
    """Say why a process died."""
    path = assignment.folder / ERROR_FILE
    if path.exists():
        return path.read_text().strip().splitlines()[-1]
    return (
        "the process was killed twice, perhaps for want of memory; "
        f"{memory_advice(assignment.config)}"
    )


@final
class StudySearcher(TuneSearcher):
    """Hands interrupted trials out first, then new proposals, until enough have ended."""

    def __init__(
        self, trial_store: TrialStore, plan: Plan, switch: StopSwitch, watchers: Sequence[Watcher]
    ) -> None:
        super().__init__(switch)
        self._trial_store, self._plan, self._watchers = trial_store, plan, watchers
        self._waiting = trial_store.interrupted()
        self._running: dict[str, Proposal] = {}
        self.error: ConfigError | None = None

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the next trial's configuration, or that the search is complete."""
        if self._switch.is_pressed() or self._is_enough():
            return str(Searcher.FINISHED)
        try:
            proposal = self._waiting.pop(0) if self._waiting else self._trial_store.ask()
        except ConfigError as error:
            self.error = error
            return str(Searcher.FINISHED)
        self._running[trial_id] = proposal
        try:
            config = self._plan.space_config(proposal.values)
        except ConfigError as error:  # a draw outside the domain that no test draw had met
            self._end(trial_id, TrialState.FAILED, {}, str(error))
            return self.suggest(trial_id)
        assignment = self._assigned[trial_id] = self._plan.assign(proposal.key, config)
        for watcher in self._watchers:
            watcher.started(proposal, config)
        return {"assignment": assignment, "is_spared": proposal.role != "search"}

    def reported(self, trial_id: str, result: dict[str, Any]) -> None:
        """Record a result, and the epochs before it that nobody has heard of."""
        proposal = self._running.get(trial_id)
        if proposal is None or self._switch.is_cut_off:
            return
        self._last[trial_id] = result
        if "failure" in result:
            return
        known = self._trial_store.reported(proposal.key)
        for one in [*result.get("before", ()), result]:
            if one["epoch"] not in known:
                for watcher in self._watchers:
                    watcher.reported(proposal, one)
                self._trial_store.report(proposal.key, one["epoch"], one["objective"])

    def _is_enough(self) -> bool:
        return self._trial_store.ended() + len(self._running) >= self._plan.trials

    def _end(
        self, trial_id: str, state: TrialState, last: dict[str, Any], reason: str = ""
    ) -> None:
        proposal = self._running.pop(trial_id)
        self._assigned.pop(trial_id, None)
        self._last.pop(trial_id, None)
        if self._switch.is_cut_off:
            return
        value = last.get("objective")
        if reason:
            self._trial_store.note(proposal.key, "error", reason)
        if state != TrialState.INTERRUPTED:
            for name in ("weight_spread", "relief", "step_seconds", TEST_METRIC):
                self._trial_store.note(proposal.key, name, last.get(name))
            costs = {name: last[name] for name in COST_METRICS if name in last}
            reason = reason or self._trial_store.constrain(proposal.key, costs)
            self._trial_store.note(proposal.key, "epochs", last.get("epoch", 0))
            self._trial_store.tell(proposal.key, state, value)
        for watcher in self._watchers:
            watcher.ended(proposal, state, value, reason)


@final
class SearcherCallback(OfThisProcess, Callback):
    """Shows the searcher every result, before Tune decides about the trial's end."""

    def __init__(self, searcher: TuneSearcher) -> None:
        self._searcher = searcher

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
