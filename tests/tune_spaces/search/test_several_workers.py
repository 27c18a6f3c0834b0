"""Trials of several Ray Train workers on a real cluster: same numbers, clean ends, nothing left."""

import json
import os
import secrets
import subprocess
import sys

import optuna
import pytest
import yaml
from rich.console import Console

from softnce.config.file import validated
from tests.clusters import LEFT_BEHIND, head_node, left_running, run_python
from tune_spaces.search.search import search

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.slow]

SEARCH = "from softnce.__main__ import main; main()"
HOG = """
import pathlib, sys, time, ray
ray.init(address="auto", log_to_driver=False, logging_level=40)

@ray.remote(num_cpus=1)
def hold(log):
    until = time.monotonic() + 600
    while time.monotonic() < until:
        if log.exists() and "has waited" in log.read_text():
            return
        time.sleep(0.2)

ray.get(hold.remote(pathlib.Path(sys.argv[1])))
"""
HOPELESS = {"optim/learning_rate": {"choice": [1e-6, 1e-7]}}


def settings(pairs, *, workers):
    return {
        "data": {"path": str(pairs)},
        "encoder": {"vocabulary": 600, "dimensions": 32},
        "loss": {"name": "soft-infonce"},
        "weights": {"estimator": "bm25"},
        "optim": {"epochs": 3, "batch_size": 32, "learning_rate": 0.01},
        "search": {
            "space": HOPELESS,
            "always_try": "infonce",
            "trials": 3,
        },
        "resources": {"workers": workers, "max_concurrent": 1, "wait_timeout_s": 10},
    }


@pytest.fixture(scope="module")
def alone(made_pairs, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone")
    config = validated(settings(made_pairs, workers=1))
    return search(config, source="alone", out=out, console=Console(quiet=True))


@pytest.fixture(scope="module", params=[True, False], ids=["dashboard", "no-dashboard"])
def ended(request, made_pairs, tmp_path_factory):
    """A study with two workers per trial, and what it left on its cluster.

    Another cluster, Ray's own local one, lives on the host meanwhile.
    """
    folder = tmp_path_factory.mktemp("two")
    environment = {
        **os.environ,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }
    config = folder / "two.yaml"
    config.write_text(yaml.safe_dump(settings(made_pairs, workers=2)))
    with (
        head_node(cpus=1, has_dashboard=False, environment=environment),
        head_node(cpus=2, has_dashboard=request.param, environment=environment) as address,
    ):
        environment["RAY_ADDRESS"] = address
        log = folder / "out" / "softnce.log"
        hog = subprocess.Popen([sys.executable, "-c", HOG, str(log)], env=environment)
        run = subprocess.run(
            [sys.executable, "-c", SEARCH, "search", str(config), "--out", str(folder / "out")],
            env=environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        hog.wait(timeout=300)
        left = json.loads(run_python(LEFT_BEHIND, environment=environment).splitlines()[-1])
        left["processes"] = left_running()
    return folder / "out", run, left


def trials_of(out):
    study = optuna.load_study(study_name="two", storage=f"sqlite:///{out / 'optuna.db'}")
    return [t for t in study.get_trials() if "repeats" not in t.user_attrs]


def test_the_search_ends_well(ended):
    _, run, _ = ended
    assert run.returncode == 0, run.stdout + run.stderr


def test_some_trial_was_stopped_early_by_all_workers_together(ended):
    out, run, _ = ended
    states = [t.state.name for t in trials_of(out)]
    assert states == ["COMPLETE", "COMPLETE", "PRUNED"], run.stdout


def test_a_trial_that_was_stopped_trained_no_further_and_left_no_weights(ended):
    (stopped,) = [t for t in trials_of(ended[0]) if t.state.name == "PRUNED"]
    folder = ended[0] / "trials" / stopped.user_attrs["key"]
    assert "epoch 3:" not in (folder / "trial.log").read_text()
    assert not list(folder.glob("epoch-*"))


def test_a_trial_that_waits_for_another_job_says_what_it_lacks(ended):
    said = " ".join(ended[1].stdout.split())
    assert "t0000 has waited" in said
    assert "for 2 workers with 1 CPU each: free are 1 of 2 CPU; other jobs hold the rest" in said
    assert "t0001 has waited" not in said


def test_nothing_is_left_on_the_cluster(ended):
    assert ended[2] == {"groups": 0, "busy_cpus": 0, "processes": []}


def test_two_workers_of_16_learn_what_one_of_32_learns(ended, alone):
    for trial, row in zip(trials_of(ended[0])[:2], alone.table[:2], strict=True):
        assert trial.user_attrs["key"] == row.key
        assert trial.value == pytest.approx(row.value, abs=1e-3)
