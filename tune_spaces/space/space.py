"""Search spaces: a mapping from a setting's path to a dimension, with conditions and ties.

A dimension is one of ``{choice: [...]}``, ``{real: [low, high], log: true}``,
``{int: [low, high], log: true}`` and ``{tie: "2 - weights/alpha"}``; each may carry
``when: {path: value or list of values}``. A dimension whose condition is not met keeps the
configuration's own value.
"""

import graphlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import optuna

from softnce.config.config import Config
from softnce.config.file import value_at, with_overrides
from softnce.config.sections.data import TEACHER
from softnce.errors import ConfigError
from softnce.formula import Formula
from softnce.losses.table import BASELINE, LOSSES
from softnce.weights.table import ESTIMATORS, MIXTURE_SHARES
from tune_spaces.space.dimension import Dimension, Value, dimension_of
from tune_spaces.space.expressions import Expression, parse_expression
from tune_spaces.space.fair_opponent import unread_by_infonce, with_infonce
from tune_spaces.space.searchable import require_points, require_searchable
from tune_spaces.space.settings_read import in_effect
from tune_spaces.space.valid_draws import require_valid_draws


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Dimensions in an order in which every condition and tie is known before it is needed.

    Attributes:
        dimensions: path to dimension.
        ties: path to parsed tie, for the tied dimensions.
        base: the configuration that the draws change.
        unread_by_infonce: paths that are not drawn for InfoNCE, which does not read them.
    """

    dimensions: Mapping[str, Dimension]
    ties: Mapping[str, Expression]
    base: Config
    unread_by_infonce: frozenset[str] = frozenset()
    _validated: dict[str, Config] = field(default_factory=dict, repr=False, compare=False)

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
            if path in values or not self._is_active(path, values):
                continue
            tie = self.ties.get(path)
            if tie is not None:
                values[path] = tie.value(lambda other: self._number(other, values))
            else:
                values[path] = dimension.drawn(trial, path)
        return values

    def config(self, values: Mapping[str, Value]) -> Config:
        """Return the base configuration with a draw's values, validated once for equal values.

        Raises:
            ConfigError: the draw is outside a field's domain.
        """
        key = json.dumps(values, sort_keys=True)
        if key not in self._validated:
            self._validated[key] = with_overrides(self.base, values)
        return self._validated[key]

    def trained(self, values: Mapping[str, Value]) -> dict[str, Any]:
        """Return all that a draw's training depends on: equal draws give equal metrics."""
        try:
            return in_effect(self.config(values))
        except ConfigError:
            return dict(values)

    def models(self) -> set[str]:
        """Return the names of all estimators and frozen models that some trial may ask.

        A dimension whose condition may fail leaves the configuration's own value in play.
        """
        needed = {name for point in self.base.search.points for name in self.config(point).models}
        needed |= {TEACHER} if self.base.is_taught else set()
        if self.possible("loss/duplicates") != {"keep"}:
            needed.add("duplicates")
        if self.is_a_list or not self._losses_with_estimator():
            return needed
        names = {str(name) for name in self.possible("weights/estimator")} & ESTIMATORS.keys()
        if any(ESTIMATORS[name].combines for name in names):
            shares = {name: f"weights/mixture/{name}" for name in MIXTURE_SHARES}
            names |= {name for name, path in shares.items() if self._may_be_above_zero(path)}
        return needed | {name for name in names if not ESTIMATORS[name].combines}

    @property
    def is_a_list(self) -> bool:
        """Tell whether nothing is tried but the configuration's own points."""
        return bool(self.base.search.points) and not self.dimensions

    def possible(self, path: str) -> set[Value]:
        """Return the values that a setting with choices may have in a trial."""
        dimension, own = self.dimensions.get(path), value_at(self.base, path)
        tried = {point.get(path, own) for point in self.base.search.points}
        if self.is_a_list:
            return tried
        if dimension is None or dimension.choice is None:
            return {own} | tried
        always = self._is_always_active(dimension)
        return {*dimension.choice} | tried | (set() if always else {own})

    def _losses_with_estimator(self) -> set[Value]:
        known = {name for name, spec in LOSSES.items() if spec.has_estimator}
        return self.possible("loss/name") & known

    def _is_always_active(self, dimension: Dimension) -> bool:
        """Tell whether a dimension is drawn in every trial whose loss has an estimator."""
        for path, wanted in dimension.when.items():
            values = self.possible(path)
            if path == "loss/name":
                values &= self._losses_with_estimator()
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
        return {path for path in self.dimensions if self._is_active(path, values)}

    def free_dimensions(self, values: Mapping[str, Value]) -> set[str]:
        """Return the active paths that these values leave to the sampler; ties are not free."""
        return {
            path for path in self.active(values) if path not in self.ties and path not in values
        }

    def _is_active(self, path: str, values: Mapping[str, Value]) -> bool:
        if path in self.unread_by_infonce and self._current("loss/name", values) == BASELINE:
            return False
        return all(
            self._current(other, values) in (wanted if isinstance(wanted, list) else [wanted])
            for other, wanted in self.dimensions[path].when.items()
        )

    def _current(self, path: str, values: Mapping[str, Value]) -> Any:  # noqa: ANN401
        return values[path] if path in values else value_at(self.base, path)

    def _number(self, path: str, values: Mapping[str, Value]) -> float:
        number = self._current(path, values)
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ConfigError(
                f"search.space: a tie uses {path}, which is {number!r}, not a number",
                "name settings that are numbers",
            )
        return float(number)


def search_space(base: Config) -> SearchSpace:
    """Read the space of a configuration and prove that it can be drawn from.

    Raises:
        ConfigError: as known_space; or draws that no configuration allows.
    """
    space = known_space(base)
    require_valid_draws(space.base, space.suggest, has_dimensions=bool(space.dimensions))
    return space


def known_space(base: Config) -> SearchSpace:
    """Read the space of a study whose trials have been drawn, without proving it once more.

    Where something besides the loss is searched, InfoNCE is among the losses, named or not.

    Raises:
        ConfigError: an unknown path, a malformed dimension, or a circle of conditions.
    """
    named = {path: dimension_of(path, raw) for path, raw in base.search.space.items()}
    dimensions = with_infonce(base, named)
    ties = {
        path: parse_expression(one.tie, path)
        for path, one in dimensions.items()
        if one.tie is not None
    }
    for path, dimension in dimensions.items():
        for other in (*dimension.when, *(ties[path].paths if path in ties else ())):
            value_at(base, other)
        require_searchable(base, path, dimension)
    require_points(base)
    ordered = _in_order(dimensions, ties)
    unread = unread_by_infonce(base, ordered)
    return SearchSpace({path: dimensions[path] for path in ordered}, ties, base, unread)


def both_alpha_and_beta_are_free(space: SearchSpace) -> bool:
    """Tell whether alpha and beta are both drawn, though only their ratio matters in Eq. 4.

    A loss may read one of them for itself: both matter as the coefficients of kl-infonce
    (``loss.kl_coefficients: official``).
    """
    both = {"weights/alpha", "weights/beta"}
    for name in space.possible("loss/name"):
        spec = LOSSES.get(str(name))
        if spec is not None and _possibly_read(space, spec.formula) & both:
            return False
    return both <= {path for path in space.dimensions if path not in space.ties}


def _possibly_read(space: SearchSpace, formula: Formula) -> set[str]:
    """Return the settings that a formula's arguments come from in some trial."""
    possible = [
        _possibly_read(space, variant.formula)
        for variant in formula.variants
        if variant.value in space.possible(variant.setting)
    ]
    return formula.own_settings.union(*possible)


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
