"""Runs of every loss and estimator on few pairs."""

from dataclasses import replace

from softnce.config.config import Config
from softnce.config.file import with_overrides
from softnce.inputs.frozen_models import FROZEN_MODELS, vectors_key
from softnce.inputs.frozen_vectors import cache_vectors
from softnce.training.loop import epochs

MODELS = ("teacher", "simcse", "duplicates")


def config_with(minilm, **changes):
    simcse = {"model": str(minilm), "batch_size": 8, "epochs": 2, "max_steps": 2, "max_length": 16}
    base = {
        "data": {"path": "pairs.jsonl"},
        "encoder": {"dimensions": 16, "vocabulary": 400, "max_length": 32},
        "optim": {"epochs": 3, "batch_size": 16, "learning_rate": 0.02},
        "weights": {"simcse": {**simcse, "learning_rate": 1e-5}},
    }
    changes = {path.replace("__", "/"): value for path, value in changes.items()}
    return with_overrides(Config.model_validate(base), changes)


def with_frozen(model, config, prepared, folder):
    """Train a frozen model as a study does."""
    key = vectors_key(model, config, prepared)
    prepared = replace(prepared, vectors={**prepared.vectors, model: key})
    own, inputs = FROZEN_MODELS[model].configured(config), FROZEN_MODELS[model].inputs(prepared)
    reports = list(epochs(own, inputs, folder))
    cache_vectors(model, own, inputs, folder)
    return prepared, reports


def trained(config, prepared, folder):
    return list(epochs(config, prepared, folder))
