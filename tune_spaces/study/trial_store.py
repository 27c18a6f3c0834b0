"""The study's memory: an Optuna study on disk, in which every trial ends as what it was.

Only the search process writes it. A trial that Optuna calls RUNNING when no search runs was
interrupted, and is continued.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from softnce.config.sections.study import SearchSection
from softnce.errors import ConfigError
from softnce.losses.table import BASELINE
from tune_spaces.space.dimension import Value
from tune_spaces.space.first_points import Point
from tune_spaces.space.space import SearchSpace
from tune_spaces.study.limits import excess, infeasibility
from tune_spaces.trial_state import TrialState

_MOST_REPEATS = 50
_MOST_IN_VAIN = 10  # known points drawn for a loss, after which no more trials are reserved for it


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to train next.

    Attributes:
        number: of the Optuna trial.
        values: by path; what is absent is the configuration's own.
        role: infonce, noise, paper, own, a recipe, or search.
        proposed_by: first points, start-up or the sampler's name.
    """

    number: int
    values: Mapping[str, Value]
    role: str
    proposed_by: str

    @property
    def key(self) -> str:
        """The name of the trial everywhere: t0007."""
        return f"t{self.number:04d}"


class TrialStore:
    """Asks Optuna for trials and reports how each of them ended."""

    def __init__(self, study: optuna.Study, space: SearchSpace) -> None:
        self._study, self._space = study, space
        self._search = space.base.search
        self._alive: dict[str, optuna.Trial] = {}
        self._known: dict[int, dict[str, Any]] = {}

    def enqueue_once(self, points: Iterable[Point]) -> None:
        """Line up the first points, those that are lined up already left out."""
        known = self._study.get_trials(deepcopy=False)
        lined_up = sum(1 for one in known if "fixed" in one.user_attrs)
        for point in islice(points, lined_up, None):
            attributes = {"role": point.role, "fixed": dict(point.fixed)}
            self._study.enqueue_trial(dict(point.drawn), user_attrs=attributes)

    def has_begun(self) -> bool:
        """Tell whether any trial of this study was drawn."""
        known = self._study.get_trials(deepcopy=False)
        return any(one.state != TrialState.WAITING.in_optuna and not _is_told(one) for one in known)

    def learn(self, told: Iterable[FrozenTrial]) -> None:
        """Tell the sampler trials of another study, each once; they are no trials of this one.

        Args:
            told: complete, with their origin as the attribute ``warm_from``.
        """
        known = self._study.get_trials(deepcopy=False)
        before = {one.user_attrs.get("warm_from") for one in known}
        self._study.add_trials([one for one in told if one.user_attrs["warm_from"] not in before])

    def interrupted(self) -> list[Proposal]:
        """Return the trials that a former search left unfinished, to be continued."""
        proposals = []
        for frozen in self._study.get_trials(
            deepcopy=False, states=(TrialState.INTERRUPTED.in_optuna,)
        ):
            if _is_repeat(frozen):
                self._study.tell(frozen.number, state=TrialState.FAILED.in_optuna)
                continue
            self._reseed(frozen.number)
            trial = optuna.Trial(self._study, frozen._trial_id)
            proposal = _proposal(frozen) or self._drawn(trial)  # it may have died while drawn
            self._alive[proposal.key] = trial
            proposals.append(proposal)
        return proposals

    def ask(self) -> Proposal:
        """Draw the next point that is not known already.

        The sampler is seeded anew from (study seed, trial number), so the draws do not depend on
        whether the study was interrupted. A point that has ended before is told its known value and
        not trained again.

        Raises:
            ConfigError: the space has no new points left.
        """
        for _ in range(_MOST_REPEATS):
            trial, proposal = self._next_proposal()
            twin = self._twin(proposal)
            if twin is None:
                self._alive[proposal.key] = trial
                return proposal
            self._tell_known(trial, twin)
        raise ConfigError(
            f"search.space: {_MOST_REPEATS} draws in a row were known points: the space is used up"
        )

    def report(self, key: str, epoch: int, value: float) -> None:
        """Record the metric of an epoch."""
        trial = self._alive.get(key)
        if trial is not None and math.isfinite(value):
            trial.report(value, step=epoch)

    def reported(self, key: str) -> set[int]:
        """Return the epochs of a living trial that are recorded."""
        number = self._alive[key].number
        return set(self._study.get_trials(deepcopy=False)[number].intermediate_values)

    def curves(self) -> dict[str, list[float]]:
        """Return the metric of each recorded epoch, in order, by the keys of all trials."""
        return {
            one.user_attrs["key"]: [value for _, value in sorted(one.intermediate_values.items())]
            for one in self.trials()
        }

    def note(self, key: str, name: str, value: object) -> None:
        """Attach a plain value to a living trial."""
        if key in self._alive:
            self._alive[key].set_user_attr(name, value)

    def constrain(self, key: str, costs: Mapping[str, float]) -> str:
        """Tell Optuna what a living trial costs, and return which limits it is above."""
        for name, cost in costs.items():
            self.note(key, name, cost)
        for name, above in excess(self._search, costs).items():
            self._alive[key].set_constraint(name, above)
        return infeasibility(self._search, costs)

    def tell(self, key: str, state: TrialState, value: float | None = None) -> None:
        """End a trial: complete (with its best value), pruned or failed; NaN is a failure."""
        trial = self._alive.pop(key)
        is_complete = state == TrialState.COMPLETE
        if is_complete and (value is None or not math.isfinite(value)):
            is_complete, state = False, TrialState.FAILED
        self._study.tell(trial, value if is_complete else None, state=state.in_optuna)

    def trials(self) -> list[FrozenTrial]:
        """Return all trained trials in order, repeats of known points left out."""
        known = self._study.get_trials(deepcopy=False)
        return [one for one in known if "values" in one.user_attrs and not _is_repeat(one)]

    def ended(self) -> int:
        """Count the trained trials that have ended."""
        return sum(1 for one in self.trials() if _has_ended(one))

    def _next_proposal(self) -> tuple[optuna.Trial, Proposal]:
        self._reserve()
        known = self._study.get_trials(deepcopy=False)
        waiting = [one.number for one in known if one.state == TrialState.WAITING.in_optuna]
        number = min(waiting, default=len(known))
        self._reseed(number)
        trial = self._study.ask()
        return trial, self._drawn(trial)

    def _reseed(self, number: int) -> None:
        self._study.sampler = _sampler(self._search, number)

    def _drawn(self, trial: optuna.Trial) -> Proposal:
        fixed: dict[str, Value] = trial.user_attrs.get("fixed", {})
        values = self._space.suggest(trial, fixed)
        proposed_by = _origin(trial, self._search.sampler)
        proposal = Proposal(
            trial.number, values, trial.user_attrs.get("role", "search"), proposed_by
        )
        trial.set_user_attr("role", proposal.role)
        trial.set_user_attr("key", proposal.key)
        trial.set_user_attr("proposed_by", proposed_by)
        trial.set_user_attr("values", dict(values))  # last: what has values has the others
        return proposal

    def _reserve(self) -> None:
        """Fix the next trial's loss where InfoNCE, or all the other losses, fall short of a share.

        Without this the sampler soon settles on one side, and the other is judged by few tries.
        """
        dimension = self._space.dimensions.get("loss/name")
        trials = self._study.get_trials(deepcopy=False)
        if dimension is None or any(one.state == TrialState.WAITING.in_optuna for one in trials):
            return
        tries = [one for one in self.trials() if one.user_attrs["role"] != "noise"]
        names = [self._loss_of(one) for one in tries]
        others = [str(name) for name in dimension.choice or () if name != BASELINE]
        shares = {}
        if dimension.holds(BASELINE):
            shares[BASELINE] = (names.count(BASELINE), self._search.infonce_share)
        if others:
            rarest = min(others, key=names.count)
            shares[rarest] = (len(names) - names.count(BASELINE), self._search.weighted_share)
        for loss, (count, share) in shares.items():
            if count < math.floor(share * (len(names) + 1)) and self._has_more_to_try(loss):
                self._fix_loss(loss)
                return

    def _loss_of(self, one: FrozenTrial) -> str:
        return str(one.user_attrs["values"].get("loss/name", self._space.base.loss.name))

    def _has_more_to_try(self, loss: str) -> bool:
        """Tell whether a loss has settings of its own to search that are not used up."""
        known = self._study.get_trials(deepcopy=False)
        in_vain = [one for one in known if _is_repeat(one) and "reserved" in one.user_attrs]
        if sum(self._loss_of(one) == loss for one in in_vain) >= _MOST_IN_VAIN:
            return False
        return bool(self._space.free_dimensions({"loss/name": loss}) - {"loss/name"})

    def _fix_loss(self, loss: str) -> None:
        self._study.enqueue_trial({"loss/name": loss}, user_attrs={"reserved": True})

    def _twin(self, proposal: Proposal) -> FrozenTrial | None:
        trained = self._space.trained(proposal.values)
        for one in self.trials():
            is_other = one.number != proposal.number and _has_ended(one)
            if is_other and self._trained(one) == trained:
                return one
        return None

    def _trained(self, one: FrozenTrial) -> dict[str, Any]:
        if one.number not in self._known:
            self._known[one.number] = self._space.trained(one.user_attrs["values"])
        return self._known[one.number]

    def _tell_known(self, trial: optuna.Trial, twin: FrozenTrial) -> None:
        trial.set_user_attr("repeats", twin.user_attrs["key"])
        for epoch, value in twin.intermediate_values.items():
            trial.report(value, step=epoch)
        for name, above in twin.constraints.items():
            trial.set_constraint(name, above)
        best = twin.value if TrialState.stored(twin.state) == TrialState.COMPLETE else None
        self._study.tell(trial, best, state=twin.state)


def _sampler(search: SearchSection, number: int) -> optuna.samplers.BaseSampler:
    """Build the study's sampler for one draw, seeded by (study seed, trial number)."""
    startup, seed = search.n_startup_trials, (search.seed * 1_000_003 + number) % 2**32
    if search.sampler == "gp":
        return optuna.samplers.GPSampler(n_startup_trials=startup, seed=seed)
    return optuna.samplers.TPESampler(
        multivariate=True, group=True, constant_liar=True, n_startup_trials=startup, seed=seed
    )


def _origin(trial: optuna.Trial, sampler: str) -> str:
    """Say who chose a trial's values: a list, chance, or the fitted sampler."""
    if "fixed" in trial.user_attrs:
        return "first"
    return sampler if trial.relative_params else "random"


def _proposal(frozen: FrozenTrial) -> Proposal | None:
    attributes: Mapping[str, Any] = frozen.user_attrs
    if "values" not in attributes:
        return None
    return Proposal(
        frozen.number, attributes["values"], attributes["role"], attributes["proposed_by"]
    )


def _has_ended(frozen: FrozenTrial) -> bool:
    return TrialState.stored(frozen.state).has_ended


def _is_told(frozen: FrozenTrial) -> bool:
    return "warm_from" in frozen.user_attrs


def _is_repeat(frozen: FrozenTrial) -> bool:
    return "repeats" in frozen.user_attrs
