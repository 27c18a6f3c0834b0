"""What a search may change from trial to trial, and what it may not."""

from pydantic import BaseModel

from softnce.config.config import Config
from softnce.config.file import can_be, value_at, with_overrides
from softnce.errors import ConfigError
from softnce.weights.table import ESTIMATORS
from tune_spaces.space.dimension import Dimension

_SEED = "optim/seed"
_FIXED = (  # what is prepared once for all trials, or would make them unfit to be compared
    "data/", "search/", "resources/", "tracking/", "optim/epochs", "optim/seed",
    "encoder/kind", "encoder/model", "encoder/revision", "encoder/allow_bin",
    "encoder/max_length", "encoder/query_max_length", "encoder/vocabulary", "encoder/prefix_tokens",
    "encoder/query_prompt", "encoder/code_prompt", "encoder/dataflow", "encoder/dataflow_nodes",
    "loss/matryoshka",
    "optim/init_from_teacher", *(path for spec in ESTIMATORS.values() for path in spec.trained_by),
)  # fmt: skip

_SHAPES = (  # what a teacher's weights must fit
    "encoder/dimensions", "encoder/pooling",
    "encoder/lora/rank", "encoder/lora/alpha", "encoder/lora/targets",
)  # fmt: skip


def is_fixed(path: str) -> bool:
    """Tell whether a setting is the same for all trials of a study."""
    return path.startswith(_FIXED)


def require_searchable(base: Config, path: str, dimension: Dimension) -> None:
    """Refuse a dimension that no search can have.

    Args:
        base: the configuration that the draws change.
        path: of the dimension.
        dimension: what is drawn.

    Raises:
        ConfigError: its setting, or its condition, cannot vary.
    """
    _require_free(base, path, f"search.space {path}", "set it outside the space")
    _require_a_fitting_teacher(base, path)
    _require_possible(dimension, path)
    _require_seen_by_the_sampler(base, path, dimension)


def require_points(base: Config) -> None:
    """Refuse points of a configuration's own that are no configuration, or not to be compared.

    The seed may differ: the same settings are often trained with several.

    Raises:
        ConfigError: a point is wrong; its number counts from 1.
    """
    for number, point in enumerate(base.search.points, start=1):
        place = f"search.points {number}"
        for path in point:
            if path != _SEED:
                _require_free(base, path, f"{place}, {path}", "set it outside the points")
        try:
            with_overrides(base, point)
        except ConfigError as error:
            raise ConfigError(f"{place}: {error.found}", error.cure) from error


def _require_free(base: Config, path: str, place: str, cure: str) -> None:
    if isinstance(value_at(base, path), BaseModel):
        raise ConfigError(f"{place}: names a section", "name one of its settings")
    if is_fixed(path):
        raise ConfigError(
            f"{place}: is the same for all trials of a study, so that they can be compared", cure
        )


def _require_a_fitting_teacher(base: Config, path: str) -> None:
    """Refuse to search a model's shape where every trial starts from the one teacher's weights."""
    if base.optim.init_from_teacher and path in _SHAPES:
        raise ConfigError(
            f"search.space {path}: optim.init_from_teacher gives every trial the weights of one "
            "teacher, which fit one shape",
            "set it outside the space, or init_from_teacher to false",
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
            f"search.space {path}: has a condition, and gp always draws such a setting at random",
            "leave out its when, or set search.sampler to tpe",
        )
