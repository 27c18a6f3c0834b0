"""How trials and searches end: failures, budgets, Ctrl-C, and going on afterwards."""

import os
import signal
import subprocess
import sys

import optuna
import pytest
import yaml
from optuna.trial import TrialState
from rich.console import Console

from softnce.config.file import validated
from softnce.errors import ConfigError, RunError, SetupError
from tests.faults import begun, ended, in_mid_epoch, wait_for_one
from tune_spaces.search.search import search
from tune_spaces.study.lock.study_lock import held

pytestmark = [pytest.mark.faults, pytest.mark.ray, pytest.mark.slow]


def settings(pairs, space, **search_settings):
    return {
        "data": {"path": str(pairs)},
        "encoder": {"vocabulary": 600, "dimensions": 32},
        "loss": {"name": "infonce"},
        "optim": {"epochs": 3, "batch_size": 32, "learning_rate": 0.01},
        "search": {"space": space, "always_try": "infonce", **search_settings},
        "resources": {"max_concurrent": 1},
    }


def optuna_trials(folder, name):
    storage = f"sqlite:///{folder / 'optuna.db'}"
    return optuna.load_study(study_name=name, storage=storage).get_trials()


@pytest.mark.long
def test_a_loss_that_is_no_number_fails_its_trial_alone(made_pairs, tmp_path):
    space = {"loss/temperature": {"choice": [0.05, 0.2, 1e-44]}}
    config = validated(settings(made_pairs, space, trials=3))
    study = search(config, source="nan", out=tmp_path, console=Console(quiet=True))
    states = {row.key: row.state for row in study.table}
    failed = [row for row in study.table if row.config.loss.temperature == 1e-44]
    assert [row.state for row in failed] == ["failed"] * len(failed)
    assert len(failed) == 1
    assert "not finite" in failed[0].note
    assert "optim.learning_rate" in failed[0].note
    told = {
        t.user_attrs["key"]: t.state
        for t in optuna_trials(tmp_path, "nan")
        if "repeats" not in t.user_attrs
    }
    assert told[failed[0].key] == TrialState.FAIL
    assert TrialState.RUNNING not in told.values()
    assert states["t0000"] == "complete"


def test_a_search_whose_trials_all_fail_ends_in_1_and_says_why(made_pairs, tmp_path):
    config = settings(made_pairs, {}, trials=2)
    config["loss"]["temperature"] = 1e-44
    for _ in range(2):  # the second time nothing is left to train
        study = search(validated(config), source="nan", out=tmp_path, console=Console(quiet=True))
        assert [row.state for row in study.table] == ["failed"] * 2
        assert study.exit_code == RunError.exit_code == 1
        assert study.verdict.startswith("Every trial failed, so there is no champion. t0000: the")


def test_a_request_that_no_node_can_meet_is_refused_with_the_missing_resource(made_pairs, tmp_path):
    asked = settings(made_pairs, {}, trials=1)
    asked["resources"] = {"cpus_per_worker": 4096}
    with pytest.raises(SetupError, match=r"4096 CPU.*resources.cpus_per_worker"):
        search(validated(asked), source="big", out=tmp_path, console=Console(quiet=True))


SPACE = {"optim/learning_rate": {"real": [0.003, 0.03], "log": True}}


@pytest.fixture(scope="module")
def undisturbed(made_pairs, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    config = validated(settings(made_pairs, SPACE, trials=5, n_startup_trials=2))
    return search(config, source="study", out=out, console=Console(quiet=True))


def half_a_trial(folder):
    """Return half the seconds of a study's first trial: too few for the study at any load.

    No more than one, in which no process of a trial even starts: the load may have gone since.
    """
    first = next(t for t in optuna_trials(folder, "study") if "key" in t.user_attrs)
    return min(first.duration.total_seconds() / 2, 1.0)


@pytest.mark.long
def test_a_study_stopped_by_its_budget_goes_on_to_the_same_end(made_pairs, tmp_path, undisturbed):
    budget = half_a_trial(undisturbed.folder.root)
    limits = {"trials": 5, "n_startup_trials": 2, "time_budget_s": budget}
    short = validated(settings(made_pairs, SPACE, **limits))
    first = search(short, source="study", out=tmp_path, console=Console(quiet=True))
    assert first.exit_code == 4
    assert len(first.table) < 5 or "interrupted" in {row.state for row in first.table}
    assert "the search stops: " in first.folder.log.read_text()
    whole = validated(settings(made_pairs, SPACE, trials=5, n_startup_trials=2))
    second = search(whole, source="study", out=tmp_path, console=Console(quiet=True))
    assert second.exit_code == 0
    assert values(second) == values(undisturbed)
    assert second.champion.key == undisturbed.champion.key


@pytest.mark.long
def test_ctrl_c_keeps_the_study_and_the_same_command_ends_it(made_pairs, tmp_path, undisturbed):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(settings(made_pairs, SPACE, trials=5, n_startup_trials=2)))
    out = tmp_path / "out"
    command = [sys.executable, "-c", "from softnce.__main__ import main; main()", "search"]
    command += [str(path), "--out", str(out)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        start_new_session=True,
    )
    wait_for_one(lambda: list(out.glob("trials/t0001/epoch-*")), process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 4, said
    assert "Traceback" not in said
    assert "the same command continues" in said
    ended = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, timeout=600, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    states = {t.state for t in optuna_trials(out, "study")}
    assert TrialState.RUNNING not in states
    told = {
        t.user_attrs["key"]: t.value
        for t in optuna_trials(out, "study")
        if t.state == TrialState.COMPLETE
    }
    assert told == {row.key: row.value for row in undisturbed.table if row.state == "complete"}


@pytest.mark.long
def test_a_search_whose_study_was_taken_over_ends_with_code_3_and_all_kept(made_pairs, tmp_path):
    path, out = tmp_path / "lost.yaml", tmp_path / "out"
    endless = settings(made_pairs, SPACE, trials=5)
    endless["optim"]["epochs"] = 5000
    path.write_text(yaml.safe_dump(endless))
    process = begun(path, out)
    in_mid_epoch(out, process, more=1)
    study = optuna.load_study(study_name="lost", storage=f"sqlite:///{out / 'optuna.db'}")
    holder = study.user_attrs["softnce.lease"]
    study.set_user_attr("softnce.lease", {**holder, "host": "elsewhere", "at": 0})
    with held(study):
        code, said = ended(process)
    assert code == 3, said
    assert f"study lost: process {os.getpid()} on " in " ".join(said.split())
    assert "Traceback" not in said
    assert TrialState.RUNNING in {one.state for one in study.get_trials()}


def test_other_settings_under_the_same_folder_are_refused(made_pairs, undisturbed):
    other = settings(made_pairs, SPACE, trials=5, n_startup_trials=2)
    other["optim"]["batch_size"] = 64
    with pytest.raises(ConfigError, match=r"optim.batch_size 32 \(now 64\)"):
        search(
            validated(other),
            source="study",
            out=undisturbed.folder.root,
            console=Console(quiet=True),
        )


def values(study):
    return {row.key: (row.state, row.value) for row in study.table}


def test_no_process_outlives_its_search(undisturbed):
    del undisturbed
    mine = {os.getpid()}
    listed = subprocess.run(
        ["ps", "-eo", "pid,ppid,args"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    children = [line for line in listed.splitlines()[1:] if int(line.split()[1]) in mine]
    assert not [line for line in children if "raylet" in line or "gcs_server" in line]
