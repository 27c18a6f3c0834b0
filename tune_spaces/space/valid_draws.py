"""Proof by many draws that a space holds nothing but valid configurations."""

from collections.abc import Callable, Mapping

import optuna

from softnce.config.config import Config
from softnce.config.file import with_overrides
from softnce.errors import ConfigError
from tune_spaces.space.dimension import Value

_DRAWS = 200


def require_valid_draws(
    base: Config,
    suggest: Callable[[optuna.Trial], Mapping[str, Value]],
    *,
    has_dimensions: bool = True,
) -> None:
    """Draw from a space again and again; what it draws must be a configuration.

    Args:
        base: configuration that the draws change.
        suggest: draws once.
        has_dimensions: whether two draws can differ.

    Raises:
        ConfigError: some draws are no valid configuration; one of them is shown.
    """
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    faults: list[str] = []
    for _ in range(_DRAWS if has_dimensions else 1):
        values = suggest(study.ask())
        try:
            with_overrides(base, values)  # not kept: no trial has these values
        except ConfigError as error:
            drawn = ", ".join(f"{path}={value}" for path, value in values.items())
            faults.append(f"{error} (drawn: {drawn})")
    if faults:
        raise ConfigError(
            f"search.space: {len(faults)} of {_DRAWS} random draws are no valid configuration, "
            f"for example: {faults[0]}",
            "narrow the ranges",
        )
