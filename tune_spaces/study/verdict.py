"""The table of a study and one sentence that says how far its champion is proven better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from optuna.trial import FrozenTrial

from softnce.config.config import Config
from softnce.errors import ConfigError
from softnce.losses.table import BASELINE
from tune_spaces.space.space import SearchSpace
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
        role: infonce, noise, paper, search.
        proposed_by: first, random, tpe, gp.
        note: what a reader should know.
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


def rows(trials: Sequence[FrozenTrial], space: SearchSpace) -> list[ResultRow]:
    """Turn Optuna's trials into rows, in order."""
    return [_row(one, space) for one in trials]


def champion(table: Sequence[ResultRow]) -> ResultRow | None:
    """Return the best complete trial, whatever its seed: no other one in the table beats it."""
    complete = [row for row in table if row.state == TrialState.COMPLETE]
    return max(complete, key=lambda row: row.value or 0.0, default=None)


def best_infonce(table: Sequence[ResultRow]) -> ResultRow | None:
    """Return the best complete InfoNCE trial."""
    plain = [row for row in table if row.config.loss.name == BASELINE]
    return champion(plain)


def noise_floor(table: Sequence[ResultRow]) -> float | None:
    """Return how far two InfoNCE runs that differ in the seed alone lie apart."""
    runs = {row.role: row for row in table if row.role in ("infonce", "noise")}
    values = [runs[role].value for role in ("infonce", "noise") if role in runs]
    complete = all(row.state == TrialState.COMPLETE for row in runs.values())
    if len(values) < 2 or not complete or values[0] is None or values[1] is None:
        return None
    return abs(values[0] - values[1])


def all_failed(table: Sequence[ResultRow]) -> bool:
    """Tell whether trials have ended and none of them did anything but fail."""
    return bool(table) and all(row.state == TrialState.FAILED for row in table)


def verdict(table: Sequence[ResultRow], metric: str, queries: int) -> str:
    """Say in one sentence whether the champion beats InfoNCE.

    Args:
        table: the study's rows.
        metric: that the study maximises.
        queries: number of validation queries; a gain of less than two of them is never shown.
    """
    best, plain, noise = champion(table), best_infonce(table), noise_floor(table)
    if all_failed(table):
        return f"Every trial failed, so there is no champion. {table[0].key}: {table[0].note}"
    if best is None:
        return "No trial has completed, so there is no champion."
    name = f"{best.key} ({described(best.config)})"
    floor = (
        ""
        if noise is None
        else f"two InfoNCE runs that differ in the seed alone lie {noise:.4f} apart"
    )
    if plain is None or best.value is None or plain.value is None:
        return f"Champion {name}: {metric} {best.value:.4f}; InfoNCE did not complete."
    if best.key == plain.key:
        return _infonce_wins(best, champion(_other_losses(table)), metric, floor)
    gain = best.value - plain.value
    facts = (
        f"champion {name} has validation {metric} {best.value:.4f}, the best InfoNCE "
        f"({plain.key}) {plain.value:.4f}: {gain:+.4f}"
    )
    if noise is None:
        return f"No gain shown: {facts}; the noise floor is unknown."
    if gain > 2 * max(noise, 1 / queries) and best.note != IN_DISGUISE:
        return f"Better: {facts}, and {floor}. (One seed, chosen on these same queries.)"
    return f"No gain shown: {facts}, while {floor}."


def _infonce_wins(best: ResultRow, other: ResultRow | None, metric: str, floor: str) -> str:
    facts = f"InfoNCE itself ({best.key}) has the best validation {metric}, {best.value:.4f}"
    if other is None or other.value is None or best.value is None:
        return f"No gain shown: {facts}; no other loss completed."
    gain = f"{other.value:.4f} ({other.value - best.value:+.4f})"
    rival = f"the best other loss is {other.key} ({described(other.config)}) with {gain}"
    return f"No gain shown: {facts}; {rival}{f', while {floor}' if floor else ''}."


def _other_losses(table: Sequence[ResultRow]) -> list[ResultRow]:
    return [row for row in table if row.config.loss.name != BASELINE]


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
        note=_note(one, config),
        relief=attributes.get("relief"),
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
