"""A study that is hit by everything ends where an undisturbed one ends."""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing, suppress

import psutil
import pytest
import yaml
from mlflow import MlflowClient

from tests.faults import begun, ended, in_mid_epoch, members, outcomes, survivors, trials_of
from tests.faults import family as family_of
from tune_spaces.tracking.store import own_uri

pytestmark = [pytest.mark.long, pytest.mark.faults, pytest.mark.ray, pytest.mark.slow]

EPOCHS = 12


def settings(pairs, **resources):
    return {
        "data": {"path": str(pairs)},
        "encoder": {"vocabulary": 600, "dimensions": 512},
        "loss": {"name": "infonce"},
        "optim": {"epochs": EPOCHS, "batch_size": 4, "learning_rate": 0.003},
        "search": {
            "name": "hit",
            "space": {"optim/learning_rate": {"real": [0.001, 0.01], "log": True}},
            "always_try": "infonce",
            "trials": 4,
            "n_startup_trials": 2,
        },
        "resources": {"max_concurrent": 1, **resources},
    }


@pytest.fixture(scope="module")
def config(made_pairs, tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "hit.yaml"
    path.write_text(yaml.safe_dump(settings(made_pairs)))
    return path


@pytest.fixture(scope="module")
def undisturbed(config, tmp_path_factory):
    """The same study, that nothing disturbs."""
    out = tmp_path_factory.mktemp("undisturbed")
    code, said = ended(begun(config, out))
    assert code == 0, said
    return out


@pytest.fixture(scope="module")
def story(config, tmp_path_factory):
    """One study: found busy, killed, interrupted twice, terminated, moved, robbed of a process."""
    out = tmp_path_factory.mktemp("hit") / "first-place"
    told = {"out": out.with_name("second-place"), "hits": []}
    search = begun(config, out)
    in_mid_epoch(out, search, more=1)
    told["rival"] = met_by_a_rival(search, config, out)
    told["hits"].append(in_mid_epoch(out, search))
    told["killed"] = killed(search)
    for name, fault in {"second ctrl-c": interrupted_twice, "sigterm": terminated}.items():
        search = begun(config, out)
        told["hits"].append(in_mid_epoch(out, search))
        told[name] = fault(search)
    shutil.move(out, told["out"])
    search = begun(config, told["out"])
    told["hits"] += robbed(search, told["out"])
    told["robbed"] = ended(search)
    return told


def met_by_a_rival(search, config, out):
    suspend(search, [out / "optuna.db", out / "mlflow.db"])
    try:  # it is not done before the rival has looked
        return ended(begun(config, out))
    finally:
        os.kill(search.pid, signal.SIGCONT)


def suspend(search, databases):
    """Stop a search where it is, but not while it locks a database that others would wait for."""
    os.kill(search.pid, signal.SIGSTOP)
    while any(is_locked(database) for database in databases):
        os.kill(search.pid, signal.SIGCONT)
        time.sleep(0.05)
        os.kill(search.pid, signal.SIGSTOP)


def is_locked(database):
    with closing(sqlite3.connect(database, timeout=0.5, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            return True
        connection.execute("ROLLBACK")
        return False


def killed(search):
    family = family_of(search)
    os.kill(search.pid, signal.SIGKILL)
    return survivors(family), ended(search)[0]


def interrupted_twice(search):
    """Press Ctrl-C until it ends: a busy process takes two that come too close for one."""
    family = family_of(search)
    presses = 0
    while search.poll() is None:
        os.killpg(search.pid, signal.SIGINT)
        presses += 1
        with suppress(subprocess.TimeoutExpired):
            search.wait(timeout=0.5)
    code, said = ended(search)
    return code, presses, survivors(family), said


def terminated(search):
    family = family_of(search)
    os.kill(search.pid, signal.SIGTERM)
    return (*ended(search), survivors(family))


def robbed(search, out):
    """Kill the process that a trial is in until one goes on from its last epoch; return all hit.

    A trial may be over, or its process gone, just when it is looked for.
    """
    hits = []
    while True:
        hits.append(in_mid_epoch(out, search))
        log = out / f"trials/{hits[-1]}/trial.log"
        before = log.read_text().count("resumed at epoch")
        for trial in members(search, "ray::InlineTrial"):
            with suppress(psutil.NoSuchProcess):
                if str(log) in [one.path for one in trial.open_files()]:
                    trial.kill()
        in_mid_epoch(out, search, more=1)
        if log.read_text().count("resumed at epoch") > before:
            return hits


def test_a_second_search_on_a_living_study_is_refused_and_names_the_first(story):
    code, said = story["rival"]
    assert code == 3
    assert re.search(r"process \d+ on \S+ is searching it", said), said


def test_nothing_survives_a_search_that_is_killed(story):
    assert story["killed"] == ([], -signal.SIGKILL)


def test_the_second_ctrl_c_ends_at_once(story):
    code, presses, left, said = story["second ctrl-c"]
    assert code == 130, said  # the first alone ends with 4, after the step in flight
    assert presses >= 2
    assert left == []


def test_sigterm_stops_and_says_how_to_go_on(story):
    code, said, left = story["sigterm"]
    assert code == 4, said
    assert "stopped by SIGTERM; the same command continues the study" in said
    assert "Traceback" not in said
    assert left == []


def test_a_trial_whose_process_is_killed_goes_on_from_its_last_epoch(story):
    code, said = story["robbed"]
    assert code == 0, said
    log = (story["out"] / f"trials/{story['hits'][-1]}/trial.log").read_text()
    assert re.search(r"resumed at epoch \d+", log)


def test_only_the_epochs_in_flight_are_trained_again(story):
    for key in outcomes(story["out"], "hit"):
        log = (story["out"] / f"trials/{key}/trial.log").read_text()
        trained = re.findall(r"epoch (\d+): loss", log)
        assert sorted(set(map(int, trained))) == list(range(1, max(map(int, trained)) + 1))
        assert len(trained) <= len(set(trained)) + story["hits"].count(key)
        assert log.count("started at epoch 1") == 1


def test_the_study_ends_as_if_nothing_had_happened(story, undisturbed):
    assert outcomes(story["out"], "hit") == outcomes(undisturbed, "hit")
    states = {state for state, _ in outcomes(undisturbed, "hit").values()}
    assert states <= {"COMPLETE", "PRUNED"}
    champions = [(out / "champion.txt").read_text() for out in (story["out"], undisturbed)]
    assert champions[0] == champions[1]


def test_mlflow_has_one_finished_run_a_trial(story):
    uri = own_uri(story["out"])
    client = MlflowClient(uri, registry_uri=uri)
    (experiment,) = [e for e in client.search_experiments() if e.name == "softnce/hit"]
    runs = client.search_runs([experiment.experiment_id])
    trials = [run for run in runs if "softnce.trial" in run.data.tags]
    assert sorted(run.data.tags["softnce.trial"] for run in trials) == sorted(
        outcomes(story["out"], "hit")
    )
    told = {"COMPLETE": "FINISHED", "PRUNED": "FINISHED"}
    for trial in trials_of(story["out"], "hit"):
        (run,) = [r for r in trials if r.data.tags["softnce.trial"] == trial.user_attrs["key"]]
        assert run.info.status == told[trial.state.name]
        assert run.data.tags["trial.state"] == trial.state.name
        steps = [metric.step for metric in client.get_metric_history(run.info.run_id, "mrr")]
        assert sorted(set(steps)) == sorted(trial.intermediate_values)
        assert sorted(set(steps)) == list(range(1, max(steps) + 1))
