"""Which settings a training depends on: draws that differ in nothing else are the same."""

from typing import Any

from softnce.config.config import Config
from softnce.formula import settings_of
from softnce.losses.spec import Need
from softnce.weights.table import ESTIMATORS

Nested = dict[str, Any]


def in_effect(config: Config) -> Nested:
    """Return the sections of a training without what this loss and this estimator do not read."""
    nested = config.model_dump(include={"encoder", "loss", "optim"})
    read = paths_read(config)
    nested["loss"] = {
        name: value for name, value in nested["loss"].items() if f"loss/{name}" in read
    }
    if config.loss.spec.has_estimator:
        nested["weights"] = _weights(config, read)
    return nested


def trained_with_any_seed(config: Config) -> Nested:
    """Return all that a training depends on but for its seed.

    Args:
        config: of a run.
    """
    found = in_effect(config)
    return {**found, "optim": {**found["optim"], "seed": 0}}


def paths_read(config: Config) -> set[str]:
    """Return the paths that the loss reads; the estimator's own weights may stand in for Eq. 4."""
    spec, settings = config.loss.spec, settings_of(config)
    read = spec.reads(settings)
    own = config.weights.spec.weights
    if own is None or not spec.has_weights:
        return read
    return read - set(Need.WEIGHTS.reads) | spec.formula.reads(settings) | own.reads(settings)


def _weights(config: Config, read: set[str]) -> Nested:
    """Return what is read of section weights: single settings, and sections of who has a say."""
    weights = config.weights
    sections = {spec.section for spec in ESTIMATORS.values() if spec.section}
    sections_read = {ESTIMATORS[name].section for name in {weights.estimator, *weights.parts}}
    return {
        name: value
        for name, value in weights.model_dump().items()
        if name == "estimator"
        or (name in sections_read if name in sections else f"weights/{name}" in read)
    }
