"""A loss and an estimator, each added in one file of another package, searched like our own.

The loss is the one that docs/contributing.md adds.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient

from tune_spaces.tracking.store import own_uri

PAGE = Path(__file__).resolve().parents[3] / "docs" / "contributing.md"
LOSS = PAGE.read_text(encoding="utf-8").split("```python\n# my_losses.py\n")[1].split("```")[0]
ESTIMATOR = '''
"""An estimator in one place: its class, what builds it, and its row."""
import torch

from softnce.formula import Setting
from softnce.weights.spec import EstimatorSpec
from softnce.weights.weighting import Estimator


class ToyEstimator(Estimator):
    """Takes a negative for an unlabelled positive when the queries are equally long."""

    name = "toy"

    def __init__(self, lengths, power):
        self._lengths, self._power = lengths, power

    def relevance(self, queries, candidates):
        """Compare lengths."""
        apart = self._lengths[queries].unsqueeze(1) - self._lengths[candidates]
        return -(apart.abs() ** self._power)


def build(section, prepared, device):
    """Read the lengths of the training queries."""
    lengths = torch.tensor(prepared.table("train_queries").lengths, dtype=torch.float32)
    return ToyEstimator(lengths.to(device), section.toy.power)


ROW = EstimatorSpec(
    name="toy",
    label="the toy",
    summary="queries of one length",
    build="toy_estimator:build",
    section="toy",
    settings=(Setting("power", float, 1.0, "Power of the difference.", least=0.1, most=4),),
    share=0.0,
)
'''
POINTS = (
    "[softnce.losses]\nmargin = my_losses:MARGIN\n\n[softnce.estimators]\ntoy = toy_estimator:ROW\n"
)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A folder that holds the toy package as an installer would leave it."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "my_losses.py").write_text(LOSS)
    (folder / "toy_estimator.py").write_text(ESTIMATOR)
    info = folder / "toy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    return folder


@pytest.fixture(scope="module")
def searched(package, made_pairs, tmp_path_factory):
    """The folder of a search: InfoNCE twice, then two trials of the toys; and what it printed."""
    folder = tmp_path_factory.mktemp("studies")
    space = {
        "loss/name": {"choice": ["margin"]},
        "loss/temperature": {"real": [0.05, 0.2]},
        "weights/estimator": {"choice": ["toy"]},
        "loss/width": {"real": [0.1, 2]},
        "weights/toy/power": {"real": [0.5, 2]},
    }
    config = {
        "data": {"path": str(made_pairs)},
        "encoder": {"vocabulary": 600, "dimensions": 32},
        "optim": {"epochs": 1, "batch_size": 32, "learning_rate": 0.01},
        "resources": {"executor": "inline"},
        "search": {"trials": 4, "always_try": "infonce", "space": space},
    }
    (folder / "toy.yaml").write_text(yaml.safe_dump(config))
    done = subprocess.run(
        [sys.executable, "-m", "softnce", "search", "toy.yaml", "--out", "study"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(package), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "study", done.stdout


def printed_by(script, package):
    """Run a script where the toy package is installed."""
    env = {**os.environ, "PYTHONPATH": str(package)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


READ = """
from softnce.config.file import validated
from tune_spaces.space.space import search_space

toy = {"loss": {"name": "margin"}, "weights": {"estimator": "toy"}}
space = search_space(validated({"data": {"path": "pairs"}, **toy}))
own = {"loss/width": 0.7, "weights/toy/power": 2.0}
changes = {**own, "loss/ratio": 0.7, "weights/scale": "raw", "weights/alpha": 0.7, "loss/top_k": 2}
for path, value in changes.items():
    if space.trained({path: value}) != space.trained({}):
        print(path)
print(*space.models())
"""
PARAMS = """
from softnce.config.file import validated
from tune_spaces.tune.callbacks import trial_params

toy = {"loss": {"name": "margin", "width": 0.7}, "weights": {"estimator": "toy"}}
params = trial_params(validated({"data": {"path": "pairs"}, **toy}), {})
print(params["loss/width"], params["weights/toy/power"])
"""
DESCRIBED = """
from softnce.config.file import validated
from tune_spaces.study.verdicts.verdict import described

toy = {"loss": {"name": "margin", "width": 0.7}, "weights": {"estimator": "toy"}}
print(described(validated({"data": {"path": "pairs"}, **toy})))
"""
MIXED = """
from softnce.config.file import validated

shares = {"bm25": 1, "teacher": 0, "toy": 2}
mixed = {"weights": {"estimator": "mixture", "mixture": shares}}
print(*validated({"data": {"path": "pairs"}, **mixed}).weights.parts)
"""


def test_the_space_knows_what_the_toys_read_and_need(package):
    assert printed_by(READ, package) == [
        *("loss/width", "weights/toy/power", "weights/scale"),
        "toy",
    ]


@pytest.mark.parametrize(
    ("section", "value", "said"),
    [
        ("loss", {"width": 11}, "loss.width"),
        ("weights", {"toy": {"power": 0}}, "weights.toy.power"),
    ],
)
def test_a_setting_of_their_own_has_its_bounds(package, section, value, said):
    script = f"""
from softnce.config.file import validated
from softnce.errors import ConfigError
import pickle
assert pickle.loads(pickle.dumps(validated({{"data": {{"path": "pairs"}}}}))).weights.toy.power == 1
try:
    validated({{"data": {{"path": "pairs"}}, {section!r}: {value!r}}})
except ConfigError as error:
    print(str(error).split(": ")[0])
"""
    assert printed_by(script, package) == [said]


def test_a_verdict_calls_them_by_their_label(package):
    assert " ".join(printed_by(DESCRIBED, package)).startswith("soft margin, toy")


def test_their_settings_are_columns_of_a_run(package):
    assert printed_by(PARAMS, package) == ["0.7", "1.0"]


def test_the_toy_estimator_can_be_mixed(package):
    assert printed_by(MIXED, package) == ["bm25", "toy"]


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.slow
def test_both_are_searched_to_the_table(searched):
    _, printed = searched
    lines = [line for line in printed.splitlines() if line.startswith(("t0002", "t0003"))]
    assert sum("margin-toy" in line and "complete" in line for line in lines) == 2
    cells = [line.split() for line in lines if line.split()[1] == "margin"]
    assert [line[2] for line in cells] == ["toy", "toy"]


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.slow
def test_both_are_searched_to_mlflow(searched):
    uri = own_uri(searched[0])
    client = MlflowClient(uri, registry_uri=uri)
    experiments = [one.experiment_id for one in client.search_experiments()]
    runs = {
        run.data.tags["softnce.trial"]: run
        for run in client.search_runs(experiments)
        if "softnce.trial" in run.data.tags
    }
    for key in ("t0002", "t0003"):
        run = runs[key]
        assert run.info.run_name == f"{key}-margin-toy"
        assert run.info.status == "FINISHED"
        assert (run.data.params["loss"], run.data.params["estimator"]) == ("margin", "toy")
        assert "alpha" not in run.data.params
        assert 0.1 <= float(run.data.params["loss/width"]) <= 2
        assert 0.5 <= float(run.data.params["weights/toy/power"]) <= 2
        assert 0 < run.data.metrics["mrr"] <= 1
