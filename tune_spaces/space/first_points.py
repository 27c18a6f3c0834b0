"""The points every study tries first: InfoNCE, and the paper's own settings (Table 7)."""

from collections.abc import Mapping
from dataclasses import dataclass

from softnce.config.file import value_at
from softnce.errors import ConfigError
from softnce.losses.table import BASELINE
from softnce.weights.table import OWN
from tune_spaces.space.dimension import Value
from tune_spaces.space.recipes import RECIPES, recipe
from tune_spaces.space.space import SearchSpace

INFONCE = {"loss/name": BASELINE}

# Table 7. The temperature belongs to raw scores: those of the paper's BM25, SimCSE's cosines, and
# dot products of the trained model.
TABLE_7: dict[str, dict[str, Value]] = {
    "bm25": {
        "weights/alpha": 1.5,
        "weights/beta": 0.5,
        "weights/temperature": 1.0,
        "weights/bm25/variant": "official",
        "weights/bm25/engine": "auto",
    },
    "simcse": {"weights/alpha": 1.3, "weights/beta": 0.7, "weights/temperature": 0.1},
    "teacher": {
        "weights/alpha": 1.3,
        "weights/beta": 0.7,
        "weights/temperature": 5.0,
        "weights/teacher/score": "dot",
    },
}


@dataclass(frozen=True, slots=True)
class Point:
    """A configuration that is tried before the sampler proposes any.

    Attributes:
        role: what it is in the table: infonce, noise, paper, own, or a recipe by its name.
        drawn: values given to Optuna as if drawn, so that the sampler learns from them.
        fixed: values that mean something else than the space's, or lie outside it.
    """

    role: str
    drawn: Mapping[str, Value]
    fixed: Mapping[str, Value]


def first_points(space: SearchSpace, always_try: str, noise_seed: int) -> list[Point]:
    """List the points to try first: InfoNCE twice (two seeds), then the paper's or all recipes.

    Where a configuration has points of its own, they are all.

    Everything that is searched besides the loss keeps the configuration's own value in all of
    them, so that they can be compared with each other.

    Raises:
        ConfigError: a point has no place in what the sampler learns from, and the sampler cannot
            do without.
    """
    points = _points(space, always_try, noise_seed)
    if space.base.search.sampler == "gp":
        for point in points:
            _require_drawn(space, point)
    return points


def _points(space: SearchSpace, always_try: str, noise_seed: int) -> list[Point]:
    seed: dict[str, Value] = {"optim/seed": noise_seed}
    points = [_point("infonce", space, INFONCE, {}), _point("noise", space, INFONCE, seed)]
    if space.base.search.points:
        return [_point("own", space, point, {}) for point in space.base.search.points]
    if always_try == "recipes":
        return points + _recipes(space)
    if always_try != "paper":
        return points
    for estimator in _searched_estimators(space):
        settings = TABLE_7[estimator]
        drawn: dict[str, Value] = {
            "loss/name": "soft-infonce",
            "weights/estimator": estimator,
            "weights/alpha": settings["weights/alpha"],
        }
        fixed = {**settings, "weights/scale": "raw"}
        points.append(_point("paper", space, drawn, fixed))
    return points


def _recipes(space: SearchSpace) -> list[Point]:
    """List the shipped recipes whose loss and estimator the space has."""
    losses, models = space.possible("loss/name"), space.models()
    found = []
    for name in RECIPES:
        settings = recipe(name)
        estimator = settings["weights/estimator"]
        if settings["loss/name"] in losses and (estimator in models or estimator == OWN):
            found.append(_point(f"recipe {name}", space, {}, settings))
    return found


def _point(
    role: str, space: SearchSpace, values: Mapping[str, Value], fixed: Mapping[str, Value]
) -> Point:
    """Split values into those the sampler may learn from and those it may not."""
    known = {**values, **fixed}
    learnable = {
        path: value
        for path, value in values.items()
        if path in space.dimensions and space.dimensions[path].holds(value)
    }
    rest = {path: value for path, value in known.items() if path not in learnable}
    for path in space.free_dimensions(known):
        own = _own_value(space, path)
        place = learnable if space.dimensions[path].holds(own) else rest
        place[path] = own
    return Point(role, learnable, rest)


def _require_drawn(space: SearchSpace, point: Point) -> None:
    """Refuse a point without a value for a dimension, which gp would then forget for all trials."""
    outside = sorted(space.dimensions.keys() - space.ties.keys() - point.drawn.keys())
    if outside:
        cure = "search.always_try to infonce" if point.role == "paper" else "the range to hold it"
        raise ConfigError(
            f"search.space {outside[0]}: the first point {point.role} has a value outside of it, "
            "and gp learns only from settings that all trials drew from the space",
            f"set {cure}, or search.sampler to tpe",
        )


def _own_value(space: SearchSpace, path: str) -> Value:
    value: Value = value_at(space.base, path)
    return value


def _searched_estimators(space: SearchSpace) -> list[str]:
    if "soft-infonce" not in space.possible("loss/name"):
        return []
    dimension = space.dimensions.get("weights/estimator")
    names = dimension.choice if dimension is not None else (space.base.weights.estimator,)
    return [str(name) for name in names or () if name in TABLE_7]
