"""A study trains its frozen models itself, once, under Ray Train."""

import pytest
from rich.console import Console

from softnce.configfile import validated
from tune_spaces.search import search

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def test_a_study_trains_simcse_once_and_uses_it(made_pairs, minilm, tmp_path):
    simcse = {"model": str(minilm), "batch_size": 8, "epochs": 1, "max_steps": 2, "max_length": 16}
    nested = {
        "data": {"path": str(made_pairs)},
        "encoder": {"vocabulary": 600, "dimensions": 16},
        "optim": {"epochs": 1, "batch_size": 32, "learning_rate": 0.01},
        "weights": {"estimator": "simcse", "simcse": {**simcse, "learning_rate": 1e-5}},
        "search": {"space": {"loss/name": {"choice": ["infonce", "soft-infonce"]}}, "trials": 3},
    }
    study = search(validated(nested), out=tmp_path / "study", console=Console(quiet=True))
    assert [row.state for row in study.table] == ["complete"] * 3
    assert study.table[2].config.weights.estimator == "simcse"
    assert list((tmp_path / "study" / "simcse").glob("epoch-*"))
    assert not (tmp_path / "study" / "teacher").exists()
