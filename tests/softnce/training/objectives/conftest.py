"""Inputs of all estimators, made once."""

import pytest

from softnce.data.pairs import read_pairs
from softnce.inputs.prepare import prepare
from tests.softnce.training.objectives.small_runs import MODELS, config_with, with_frozen


@pytest.fixture(scope="session")
def pairs(made_pairs, tmp_path_factory):
    path = tmp_path_factory.mktemp("few") / "pairs.jsonl"
    path.write_text("\n".join(made_pairs.read_text().splitlines()[:130]))
    return read_pairs(path)


@pytest.fixture(scope="session")
def made(pairs, minilm, tmp_path_factory):
    """Inputs of all estimators, and SimCSE's reports."""
    config, folder = config_with(minilm), tmp_path_factory.mktemp("models")
    prepared = prepare(config, pairs, folder / "cache", tell=lambda _: None, models=MODELS)
    prepared, _ = with_frozen("teacher", config, prepared, folder / "teacher")
    return with_frozen("simcse", config, prepared, folder / "simcse")


@pytest.fixture(scope="session")
def prepared(made):
    return made[0]
