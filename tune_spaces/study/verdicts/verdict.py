"""The table of a study, its champion, and what is said of it before it is confirmed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from optuna.trial import FrozenTrial

from softnce.config.config import Config
from softnce.config.sections.study import SearchSection
from softnce.errors import ConfigError
from softnce.evidence.verdict import doubt, spent, unconfirmed
from softnce.losses.table import BASELINE
from tune_spaces.space.space import SearchSpace
from tune_spaces.study.limits import infeasibility, is_feasible
from tune_spaces.study.sizes import Sizes
from tune_spaces.trial_state import TrialState

IN_DISGUISE = "~InfoNCE"  # effectively InfoNCE: all weights are near 1
_DISGUISED = 0.01  # weights this close to 1 make Soft-InfoNCE act like InfoNCE


@dataclass(frozen=True, slots=True)
class ResultRow:
    """A trial as the table shows it.

    Attributes:
        key: t0007.
        config: its resolved configuration.
        value: best validation metric so far; None before the first epoch.
        state: what has become of it.
        role: infonce, noise, paper, own, a recipe, or search.
        proposed_by: first, random, tpe, gp.
        note: what a reader should know.
        is_feasible: whether it is above no limit of the study; else it cannot be the champion.
        relief: of the last epoch: above 0 the most relevant negatives were relieved, below 0
            hardened; None before the first.
    """

    key: str
    config: Config
    value: float | None
    state: TrialState
    role: str
    proposed_by: str
    note: str
    relief: float | None = None
    is_feasible: bool = True


def rows(trials: Sequence[FrozenTrial], space: SearchSpace) -> list[ResultRow]:
    """Turn Optuna's trials into rows, in order."""
    return [_row(one, space) for one in trials]


def champion(table: Sequence[ResultRow]) -> ResultRow | None:
    """Return the best trial that may win, whatever its seed: no other such one beats it."""
    return max(eligible(table), key=lambda row: row.value or 0.0, default=None)


def eligible(table: Sequence[ResultRow]) -> list[ResultRow]:
    """Return the complete trials that are above no limit of the study, in order."""
    return [row for row in table if row.state == TrialState.COMPLETE and row.is_feasible]


def best_infonce(table: Sequence[ResultRow]) -> ResultRow | None:
    """Return the best complete InfoNCE trial."""
    plain = [row for row in table if row.config.loss.name == BASELINE]
    return champion(plain)


def all_failed(table: Sequence[ResultRow]) -> bool:
    """Tell whether trials have ended and none of them did anything but fail."""
    return bool(table) and all(row.state == TrialState.FAILED for row in table)


def cannot_tell(
    table: Sequence[ResultRow], metric: str, sizes: Sizes | None, smallest_gain: float
) -> str:
    """Say why nothing can be confirmed, in a sentence; empty where something can.

    Args:
        table: the study's rows.
        metric: that the study maximises.
        sizes: of its data, where they are known.
        smallest_gain: worth having.
    """
    if all_failed(table):
        return f"Every trial failed, so there is no champion. {table[0].key}: {table[0].note}"
    best = champion(table)
    if best is None or best.value is None:
        return f"No trial{_where(table)} has completed, so there is no champion."
    why = _nothing_to_compare(table) or _too_little_data(table, sizes, smallest_gain)
    if not why:
        return ""
    return (
        f"Cannot tell: {why}. The champion is {titled(best)}: validation {metric} {best.value:.4f}."
    )


def _nothing_to_compare(table: Sequence[ResultRow]) -> str:
    for found, name in ((best_infonce(table), "InfoNCE"), (best_other(table), "another loss")):
        if found is None:
            where = _where(table)
            return f"no trial of {name}{where} has completed, so there is nothing to compare"
    return ""


def _where(table: Sequence[ResultRow]) -> str:
    return "" if all(row.is_feasible for row in table) else " within the limits"


def _too_little_data(table: Sequence[ResultRow], sizes: Sizes | None, smallest_gain: float) -> str:
    if sizes is None:
        return ""
    values = [row.value or 0.0 for row in table if row.state == TrialState.COMPLETE]
    saturated = ""
    if min(values) > 1 - smallest_gain:
        saturated = doubt(
            *sizes.looked_at,
            min(values),
            split="validation",
            smallest_gain=smallest_gain,
        )
    return saturated or doubt(
        sizes.test, sizes.candidates, 0.0, split="test", smallest_gain=smallest_gain
    )


def can_be_confirmed(table: Sequence[ResultRow], search: SearchSection) -> bool:
    """Tell whether a confirmation has what to compare, and a test split that it may read.

    Where every trial is scored on that split, none of it is left unread. Where the points given
    are the whole study and nobody wants them confirmed, they were tried for something else, such
    as the time of a step, by models hardly trained.

    Args:
        table: the study's rows.
        search: its settings.
    """
    is_list = bool(search.points) and not search.space
    has_both = best_infonce(table) is not None and best_other(table) is not None
    return has_both and not search.score_test and not (is_list and search.confirm == "never")


def unconfirmed_lead(
    table: Sequence[ResultRow], search: SearchSection, command: str, cost: str
) -> str:
    """Say that a champion's lead is that of one trial of many, and how to find out more if one can.

    Args:
        table: the study's rows, InfoNCE and another loss among the complete ones.
        search: its settings.
        command: that would confirm it.
        cost: what that takes, as "about 3 hours".
    """
    lead = _lead(table, search.metric)
    if search.score_test:
        return str(spent(*lead))
    return str(unconfirmed(*lead, command if can_be_confirmed(table, search) else "", cost))


def _lead(table: Sequence[ResultRow], metric: str) -> tuple[str, float | None]:
    """Name the champion, and its gain over the best of the other side where that is known."""
    best, plain, other = champion(table), best_infonce(table), best_other(table)
    assert best is not None  # noqa: S101  (cannot_tell has said so)
    rival = other if best is plain else plain
    gain = None
    if metric == "mrr" and rival is not None:
        gain = (best.value or 0.0) - (rival.value or 0.0)
    return titled(best), gain


def best_other(table: Sequence[ResultRow]) -> ResultRow | None:
    """Return the best complete trial of another loss than InfoNCE."""
    return champion([row for row in table if row.config.loss.name != BASELINE])


def titled(row: ResultRow) -> str:
    """Name a trial with its loss in a few words."""
    return f"{row.key} ({described(row.config)})"


def described(config: Config) -> str:
    """Name a configuration's loss in a few words."""
    spec = config.loss.spec
    words = [spec.label, config.weights.estimator if spec.has_estimator else "", spec.details]
    listed = ", ".join(word for word in words if word)
    return listed.format(loss=config.loss, weights=config.weights)


def _row(one: FrozenTrial, space: SearchSpace) -> ResultRow:
    attributes: dict[str, Any] = one.user_attrs
    config = _tried(space, attributes["values"])
    reported = list(one.intermediate_values.values())
    state = TrialState.stored(one.state)
    value = one.value if state == TrialState.COMPLETE else max(reported, default=None)
    return ResultRow(
        key=attributes["key"],
        config=config,
        value=value,
        state=state,
        role=attributes["role"],
        proposed_by=attributes["proposed_by"],
        note=infeasibility(space.base.search, attributes) or _note(one, config),
        relief=attributes.get("relief"),
        is_feasible=is_feasible(one),
    )


def _tried(space: SearchSpace, values: Mapping[str, Any]) -> Config:
    """Return the configuration of a draw, also of one that was refused: the table shows it."""
    try:
        return space.config(values)
    except ConfigError:
        config: Config = reduce(
            lambda section, one: _with(section, one[0].split("/"), one[1]),
            values.items(),
            space.base,
        )
        return config


def _with(section: Any, parts: Sequence[str], value: object) -> Any:  # noqa: ANN401
    head, *rest = parts
    inner = _with(getattr(section, head), rest, value) if rest else value
    return section.model_copy(update={head: inner})


def _note(one: FrozenTrial, config: Config) -> str:
    if "error" in one.user_attrs:
        return str(one.user_attrs["error"])
    spread = one.user_attrs.get("weight_spread")
    if config.loss.name != BASELINE and spread is not None and spread < _DISGUISED:
        return IN_DISGUISE
    role = str(one.user_attrs["role"])
    names = {"infonce": "baseline", "noise": "other seed", "paper": "paper"}
    return role if role.startswith("recipe ") else names.get(role, "")
