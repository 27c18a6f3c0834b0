"""The table of losses: every row can be applied, and every setting is read by some row."""

import subprocess
import sys

import pytest
import torch

from softnce.config.config import Config
from softnce.config.file import validated, value_at
from softnce.config.sections.method import LossSection, WeightsSection
from softnce.errors import ConfigError
from softnce.formula import resolved
from softnce.losses.table import BASELINE, LOSSES
from softnce.training.objectives import outcome
from softnce.weights.table import ESTIMATORS

BASE = Config.model_validate({"data": {"path": "pairs"}})
OF_THE_ESTIMATOR = {"estimator", *(spec.section for spec in ESTIMATORS.values() if spec.section)}


@pytest.mark.parametrize("name", LOSSES)
def test_each_row_is_named_and_its_functions_exist(name):
    spec = LOSSES[name]
    assert spec.name == name
    assert spec.label
    assert spec.source
    for formula in spec.formula.every():
        assert callable(resolved(formula.function))


@pytest.mark.parametrize("name", LOSSES)
def test_each_setting_that_a_row_reads_exists(name):
    spec = LOSSES[name]
    for path in (*spec.every_setting(), *spec.ignores, *([spec.drops] if spec.drops else [])):
        assert path.startswith(("loss/", "weights/"))
        value_at(BASE, path)


def test_each_setting_of_loss_and_weights_is_read_by_some_row():
    read = {path for spec in LOSSES.values() for path in spec.every_setting()}
    settings = {f"loss/{name}" for name in LossSection.model_fields.keys() - {"matryoshka"}}
    settings |= {
        f"weights/{name}" for name in WeightsSection.model_fields.keys() - OF_THE_ESTIMATOR
    }
    assert settings == read


@pytest.mark.parametrize("name", LOSSES)
def test_each_row_gives_a_loss_with_a_gradient(name):
    draw = torch.Generator().manual_seed(5)
    logits = torch.randn(4, 6, generator=draw).requires_grad_()
    relevance = torch.eye(4, 6) + 0.4 * torch.rand(4, 6, generator=draw)
    config = validated({"data": {"path": "pairs"}, "loss": {"name": name}})
    found = outcome(logits, relevance, torch.arange(4), loss=config.loss, weights=config.weights)
    found.loss.backward()
    assert found.loss.isfinite()
    assert logits.grad.abs().sum() > 0
    assert (found.weight_spread is not None) is LOSSES[name].has_weights


def test_the_baseline_needs_no_estimator():
    assert not LOSSES[BASELINE].has_estimator


@pytest.mark.parametrize(
    ("section", "name", "said"),
    [
        ("loss", "kl-infonse", "did you mean kl-infonce?"),
        ("weights", "techer", "did you mean teacher?"),
        ("weights", "nothing like it", "found 'nothing like it'"),
    ],
)
def test_an_unknown_name_is_answered_with_all_names_and_the_nearest(section, name, said):
    key, table = ("name", LOSSES) if section == "loss" else ("estimator", ESTIMATORS)
    with pytest.raises(ConfigError) as caught:
        validated({"data": {"path": "pairs"}, section: {key: name}})
    message = str(caught.value)
    assert all(f"'{one}'" in message for one in table)
    assert message.endswith(said)
    assert "\n" not in message


def test_the_json_schema_lists_the_names():
    sections = Config.model_json_schema()["$defs"]
    assert sections["LossSection"]["properties"]["name"]["enum"] == list(LOSSES)
    assert sections["WeightsSection"]["properties"]["estimator"]["enum"] == list(ESTIMATORS)


@pytest.mark.parametrize(
    "module", ["softnce.losses.table", "softnce.weights.table", "softnce.config.config"]
)
def test_the_tables_import_neither_torch_nor_ray(module):
    script = (
        f"import sys, {module}\n"
        "heavy = {'torch', 'ray', 'optuna', 'mlflow', 'transformers', 'numpy'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
