"""Search spaces: a mapping from a setting's path to a dimension, with conditions and ties.

A dimension is one of ``{choice: [...]}``, ``{real: [low, high], log: true}``,
``{int: [low, high], log: true}`` and ``{tie: "2 - weights/alpha"}``; each may carry
``when: {path: value or list of values}``. A dimension whose condition is not met keeps the
configuration's own value.
"""

import graphlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from softnce.config.config import Config
from softnce.config.file import can_be, value_at, with_overrides
from softnce.errors import ConfigError
from tune_spaces.space.expressions import Expression, parse_expression

Value = str | int | float | bool | None
_WholeRange = tuple[int, int]  # inside Dimension, int is the field
_DRAWS = 200
_FIXED = (  # what is prepared once for all trials, or would make them unfit to be compared
    "data/", "search/", "resources/", "tracking/", "optim/epochs", "optim/seed",
    "encoder/kind", "encoder/model", "encoder/max_length", "encoder/vocabulary",
    "weights/teacher/epochs", "weights/simcse/", "optim/init_from_teacher",
)  # fmt: skip

_SHAPES = ("encoder/dimensions", "encoder/pooling")  # what a teacher's weights must fit


class Dimension(BaseModel):
    """One searched setting."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    choice: tuple[Value, ...] | None = Field(None, min_length=1)
    real: tuple[float, float] | None = None
    int: _WholeRange | None = None
    tie: str | None = None
    log: bool = False
    when: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_kind(self) -> "Dimension":
        kinds = [
            kind for kind in ("choice", "real", "int", "tie") if getattr(self, kind) is not None
        ]
        if len(kinds) != 1:
            raise ValueError("a dimension is exactly one of choice, real, int and tie")
        bounds = self.real or self.int
        if bounds is not None and bounds[0] > bounds[1]:
            raise ValueError(
                f"the lower bound {bounds[0]:g} is above the upper bound {bounds[1]:g}"
            )
        if self.log and (bounds is None or bounds[0] <= 0):
            raise ValueError("log: true needs a real or int range above 0")
        return self

    def holds(self, value: Value) -> bool:
        """Tell whether a value can be drawn from this dimension."""
        if self.choice is not None:
            return value in self.choice
        bounds = self.real or self.int
        if bounds is None or isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return bounds[0] <= value <= bounds[1] and (self.int is None or value == int(value))


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Dimensions in an order in which every condition and tie is known before it is needed.

    Attributes:
        dimensions: path to dimension.
        ties: path to parsed tie, for the tied dimensions.
        base: the configuration that the draws change.
    """

    dimensions: Mapping[str, Dimension]
    ties: Mapping[str, Expression]
    base: Config

    def suggest(
        self, trial: optuna.trial.BaseTrial, fixed: Mapping[str, Value] | None = None
    ) -> dict[str, Value]:
        """Draw the values of one trial.

        Args:
            trial: asked for each active dimension.
            fixed: values by path that are not drawn, inside the space or not.

        Returns:
            Values by path; inactive dimensions are absent.
        """
        values: dict[str, Value] = dict(fixed or {})
        for path, dimension in self.dimensions.items():
            if path in values or not self._is_active(dimension, values):
                continue
            tie = self.ties.get(path)
            if tie is not None:
                values[path] = tie.value(lambda other: self._number(other, values))
            else:
                values[path] = _drawn(trial, path, dimension)
        return values

    def config(self, values: Mapping[str, Value]) -> Config:
        """Return the base configuration with a draw's values.

        Raises:
            ConfigError: the draw is outside a field's domain.
        """
        return with_overrides(self.base, values)

    def trained(self, values: Mapping[str, Value]) -> dict[str, Any]:
        """Return all that a draw's training depends on: equal draws give equal metrics."""
        try:
            nested = self.config(values).model_dump(include={"encoder", "loss", "weights", "optim"})
        except ConfigError:
            return dict(values)
        return _in_effect(nested)

    def models(self) -> set[str]:
        """Return the names of all estimators and frozen models that some trial may ask.

        A dimension whose condition may fail leaves the configuration's own value in play.
        """
        base = self.base
        needed = {"teacher"} if base.optim.init_from_teacher else set()
        if not self.possible("loss/name") - {"infonce"}:
            return needed
        names = self.possible("weights/estimator")
        if "mixture" in names:
            shares = type(base.weights.mixture).model_fields
            names |= {name for name in shares if self._may_be_above_zero(f"weights/mixture/{name}")}
        return needed | {str(name) for name in names - {"mixture"}}

    def possible(self, path: str) -> set[Value]:
        """Return the values that a setting with choices may have in a trial."""
        dimension, own = self.dimensions.get(path), value_at(self.base, path)
        if dimension is None or dimension.choice is None:
            return {own}
        return {*dimension.choice} | (set() if self._is_always_active(dimension) else {own})

    def _is_always_active(self, dimension: Dimension) -> bool:
        """Tell whether a dimension is drawn in every trial whose loss is not InfoNCE."""
        for path, wanted in dimension.when.items():
            values = self.possible(path)
            if path == "loss/name":
                values -= {"infonce"}
            if not values <= {*(wanted if isinstance(wanted, list) else [wanted])}:
                return False
        return True

    def _may_be_above_zero(self, path: str) -> bool:
        dimension, own = self.dimensions.get(path), value_at(self.base, path)
        if dimension is None:
            return bool(own > 0)
        if dimension.choice is not None:
            return any(isinstance(one, int | float) and one > 0 for one in self.possible(path))
        bounds = dimension.real or dimension.int
        return bounds is None or bounds[1] > 0 or own > 0

    def active(self, values: Mapping[str, Value]) -> set[str]:
        """Return the paths whose conditions hold under these values."""
        return {path for path, one in self.dimensions.items() if self._is_active(one, values)}

    def free_dimensions(self, values: Mapping[str, Value]) -> set[str]:
        """Return the active paths that these values leave to the sampler; ties are not free."""
        return {
            path for path in self.active(values) if path not in self.ties and path not in values
        }

    def _is_active(self, dimension: Dimension, values: Mapping[str, Value]) -> bool:
        return all(
            self._current(path, values) in (wanted if isinstance(wanted, list) else [wanted])
            for path, wanted in dimension.when.items()
        )

    def _current(self, path: str, values: Mapping[str, Value]) -> Any:  # noqa: ANN401
        return values[path] if path in values else value_at(self.base, path)

    def _number(self, path: str, values: Mapping[str, Value]) -> float:
        number = self._current(path, values)
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ConfigError(f"search.space: a tie uses {path}, which is {number!r}, not a number")
        return float(number)


def search_space(base: Config) -> SearchSpace:
    """Read the space of a configuration and prove that it can be drawn from.

    Raises:
        ConfigError: an unknown path, a malformed dimension, a circle of conditions, or draws that
            no configuration allows.
    """
    dimensions = {path: _dimension(path, raw) for path, raw in base.search.space.items()}
    ties = {
        path: parse_expression(one.tie, path)
        for path, one in dimensions.items()
        if one.tie is not None
    }
    for path, dimension in dimensions.items():
        _require_searchable(base, path)
        _require_a_fitting_teacher(base, path)
        for other in (*dimension.when, *(ties[path].paths if path in ties else ())):
            value_at(base, other)
        _require_possible(dimension, path)
        _require_seen_by_the_sampler(base, path, dimension)
    ordered = _in_order(dimensions, ties)
    space = SearchSpace({path: dimensions[path] for path in ordered}, ties, base)
    _require_valid_draws(space)
    return space


def both_alpha_and_beta_are_free(space: SearchSpace) -> bool:
    """Tell whether alpha and beta are both drawn, though only their ratio matters.

    As the coefficients of kl-infonce (``loss.kl_coefficients: official``) both matter.
    """
    drawn = {path for path in space.dimensions if path not in space.ties}
    may_be_kl = "kl-infonce" in space.possible("loss/name")
    if may_be_kl and "official" in space.possible("loss/kl_coefficients"):
        return False
    return {"weights/alpha", "weights/beta"} <= drawn


# What only some losses or estimators read; under another one it makes no difference.
_READ_BY_LOSSES = {
    "loss": {
        "symmetric": {"infonce", "soft-infonce"},
        "kl_coefficients": {"kl-infonce"},
        "infonce_weight": {"kl-infonce"},
        "kl_weight": {"kl-infonce"},
        "top_k": {"top-k"},
        "ratio": {"dynamic-threshold"},
        "normalize_target": {"weighted-infonce"},
        "bce_negatives": {"bce"},
    },
    "weights": {
        "alpha": {"soft-infonce", "kl-infonce"},
        "beta": {"soft-infonce", "kl-infonce"},
        "floor": {"soft-infonce"},
        "renormalise": {"soft-infonce"},
        "scale": {"soft-infonce", "bce", "weighted-infonce", "kl-infonce"},
        "temperature": {"soft-infonce", "bce", "weighted-infonce", "kl-infonce"},
    },
}
_ESTIMATOR_SECTIONS = ("bm25", "teacher", "simcse", "duplicates", "mixture")


def _in_effect(nested: dict[str, Any]) -> dict[str, Any]:
    """Drop the settings that this loss and this estimator do not read."""
    loss, weights = nested["loss"]["name"], nested["weights"]
    for section, readers in _READ_BY_LOSSES.items():
        for field, losses in readers.items():
            if loss not in losses:
                nested[section].pop(field)
    if loss == "infonce":
        nested.pop("weights")
        return nested
    if loss == "kl-infonce":
        _drop_the_other_coefficients(nested["loss"], weights)
    if loss == "soft-infonce" and weights["estimator"] == "duplicates":
        _drop_eq_4(weights)
    _drop_unasked(weights)
    return nested


def _drop_unasked(weights: dict[str, Any]) -> None:
    """Drop the settings of estimators that have no say."""
    asked = {weights["estimator"]}
    if asked == {"mixture"}:
        asked |= {name for name, share in weights["mixture"].items() if share > 0}
    for name in _ESTIMATOR_SECTIONS:
        if name not in asked:
            weights.pop(name)


def _drop_the_other_coefficients(loss: dict[str, Any], weights: dict[str, Any]) -> None:
    is_official = loss["kl_coefficients"] == "official"
    section, names = (
        (loss, ("infonce_weight", "kl_weight")) if is_official else (weights, ("alpha", "beta"))
    )
    for name in names:
        section.pop(name)


def _drop_eq_4(weights: dict[str, Any]) -> None:
    """Drop what Soft-InfoNCE does not read where duplicates have a weight of their own."""
    is_floored = weights["duplicates"]["weight"] == "floor"
    unread = ("alpha", "beta", "temperature", "scale", "renormalise")
    for name in unread if is_floored else (*unread, "floor"):
        weights.pop(name)


def _dimension(path: str, raw: object) -> Dimension:
    try:
        return Dimension.model_validate(raw)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(str(part) for part in fault["loc"])
        message = fault["msg"].removeprefix("Value error, ")
        raise ConfigError(f"search.space {path}: {key + ': ' if key else ''}{message}") from error


def _require_searchable(base: Config, path: str) -> None:
    if isinstance(value_at(base, path), BaseModel):
        raise ConfigError(f"search.space {path}: names a section; name one of its settings")
    if path.startswith(_FIXED):
        raise ConfigError(
            f"search.space {path}: is the same for all trials of a study, so that they can be "
            "compared; set it outside the space"
        )


def _require_a_fitting_teacher(base: Config, path: str) -> None:
    """Refuse to search a model's shape where every trial starts from the one teacher's weights."""
    if base.optim.init_from_teacher and path in _SHAPES:
        raise ConfigError(
            f"search.space {path}: optim.init_from_teacher gives every trial the weights of one "
            "teacher, which fit one shape: set it outside the space, or init_from_teacher to false"
        )


def _require_possible(dimension: Dimension, path: str) -> None:
    """Refuse a condition on a value that a setting can never take."""
    for other, wanted in dimension.when.items():
        for value in wanted if isinstance(wanted, list) else [wanted]:
            if not can_be(other, value):
                raise ConfigError(
                    f"search.space {path}: when {other} is {value!r}, which it can never be"
                )


def _require_seen_by_the_sampler(base: Config, path: str, dimension: Dimension) -> None:
    """Refuse a condition where the sampler learns only from settings that every trial has."""
    if base.search.sampler == "gp" and dimension.when and dimension.tie is None:
        raise ConfigError(
            f"search.space {path}: has a condition, and gp draws such a setting at random for "
            "ever: leave out its when, or set search.sampler to tpe"
        )


def _in_order(dimensions: Mapping[str, Dimension], ties: Mapping[str, Expression]) -> list[str]:
    needs = {
        path: {*one.when, *(ties[path].paths if path in ties else ())} & dimensions.keys()
        for path, one in dimensions.items()
    }
    try:
        return list(graphlib.TopologicalSorter(needs).static_order())
    except graphlib.CycleError as error:
        circle = " needs ".join(error.args[1])
        raise ConfigError(f"search.space: conditions in a circle: {circle}") from error


def _require_valid_draws(space: SearchSpace) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    faults: list[str] = []
    for _ in range(_DRAWS if space.dimensions else 1):
        values = space.suggest(study.ask())
        try:
            space.config(values)
        except ConfigError as error:
            drawn = ", ".join(f"{path}={value}" for path, value in values.items())
            faults.append(f"{error} (drawn: {drawn})")
    if faults:
        raise ConfigError(
            f"search.space: {len(faults)} of {_DRAWS} random draws are no valid configuration; "
            f"narrow the ranges. For example: {faults[0]}"
        )


def _drawn(trial: optuna.trial.BaseTrial, path: str, dimension: Dimension) -> Value:
    if dimension.choice is not None:
        drawn: Value = trial.suggest_categorical(path, _plain(dimension.choice))
        return drawn
    if dimension.real is not None:
        return trial.suggest_float(path, *dimension.real, log=dimension.log)
    assert dimension.int is not None  # noqa: S101
    return trial.suggest_int(path, *dimension.int, log=dimension.log)


def _plain(choice: Sequence[Value]) -> list[Value]:
    return list(choice)
