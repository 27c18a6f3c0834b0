"""The shipped recipes: public settings of a loss, each a preset of its own and a first point."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import yaml

from tune_spaces.space.dimension import Value

RECIPES = ("soft-infonce", "qwen3", "nv-retriever", "gist", "cornstack", "embeddinggemma")


def recipe(name: str) -> dict[str, Value]:
    """Return what a recipe sets of loss and weights, by path; the temperature is one's own.

    Args:
        name: of ``RECIPES``.
    """
    preset = files("tune_spaces.space") / "presets" / f"{name}.yaml"
    nested = yaml.safe_load(preset.read_text(encoding="utf-8"))
    found = {**_flat(nested["loss"], "loss"), **_flat(nested["weights"], "weights")}
    del found["loss/temperature"]
    return found


def _flat(nested: Mapping[str, Any], prefix: str) -> dict[str, Value]:
    flat: dict[str, Value] = {}
    for name, value in nested.items():
        path = f"{prefix}/{name}"
        flat |= _flat(value, path) if isinstance(value, Mapping) else {path: value}
    return flat
