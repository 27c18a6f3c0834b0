"""A study's folder that something has damaged, or holds: a sentence, never a traceback."""

import io
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from rich.console import Console

from softnce.config.file import validated
from softnce.errors import ConfigError
from tests.faults import SOFTNCE, softnce
from tune_spaces.report.report import show
from tune_spaces.space.first_points import first_points
from tune_spaces.space.space import search_space
from tune_spaces.study.context import stored_study_context
from tune_spaces.study.fingerprint import require_same
from tune_spaces.study.folder import StudyFolder
from tune_spaces.study.sizes import Sizes, store_sizes
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.tracking.event_log import EventLog
from tune_spaces.trial_state import TrialState
from tune_spaces.tune.callbacks import tracker_of

CONFIG = validated(
    {
        "data": {"path": "pairs.jsonl"},
        "loss": {"name": "infonce"},
        "search": {"trials": 2, "space": {"optim/learning_rate": {"real": [0.001, 0.1]}}},
    }
)
LOCKER = """
import os, sqlite3, sys, time, optuna
from tune_spaces.study.lock.study_lock import held
folder, is_named = sys.argv[1], sys.argv[2] == "named"
study = optuna.load_study(study_name="mine", storage=f"sqlite:///{folder}/optuna.db")
def lock():
    connection = sqlite3.connect(f"{folder}/optuna.db", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    print("locked", flush=True)
    time.sleep(3600)
if is_named:
    with held(study):
        lock()
lock()
"""


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A study of two trials that have ended, and one event that MLflow has not got."""
    folder = StudyFolder(tmp_path_factory.mktemp("ended") / "mine", "mine")
    require_same(folder, CONFIG, "abc")
    store_sizes(
        folder.root,
        Sizes(valid=100, test=100, candidates=200),
    )
    space = search_space(CONFIG)
    trial_store = TrialStore(folder.optuna_study(), space)
    trial_store.enqueue_once(first_points(space, "infonce", 1))
    for value in (0.3, 0.4):
        proposal = trial_store.ask()
        trial_store.report(proposal.key, 1, value)
        trial_store.tell(proposal.key, TrialState.COMPLETE, value)
    begin = {"kind": "begin", "key": "t0000", "name": "t0000-infonce", "params": {}, "tags": {}}
    EventLog(folder.root).append(begin)
    return folder.root


@pytest.fixture
def study(ended, tmp_path):
    """A copy of it, to be damaged."""
    return shutil.copytree(ended, tmp_path / "mine")


def test_a_torn_log_and_a_damaged_cursor_keep_nobody_from_reporting_and_pushing(study):
    whole = (study / "tracking.jsonl").read_bytes()
    (study / "tracking.jsonl").write_bytes(b'{"time_ms": 1, "ki' + whole + b'{"time_ms": 2, "k')
    (study / "tracking.cursor").write_text("abc")
    said = softnce("report", str(study))
    assert said.returncode == 0, said.stderr
    assert "t0001 infonce" in said.stdout
    assert "importance of settings: cannot be told; complete trials: 1, needed: 10" in said.stdout
    assert "1 events have not reached MLflow" in said.stdout
    pushed = softnce("report", str(study), "--push")
    assert pushed.returncode == 0, pushed.stderr
    assert pushed.stdout.startswith("sent 1 events")
    assert (study / "softnce.log").read_text().count("tracking.jsonl:1: torn") == 2


def changed(statement):
    def change(study):
        with closing(sqlite3.connect(study / "optuna.db")) as connection, connection:
            connection.execute(statement)

    return change


def written(name, content):
    return lambda study: (study / name).write_bytes(content)


def of_something_else(study):
    (study / "optuna.db").unlink()
    changed("CREATE TABLE shopping (what)")(study)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (written("sizes.json", b"{}"), "sizes.json: does not tell the numbers of"),
        (written("sizes.json", b"{"), "sizes.json: does not tell the numbers of"),
        (written("sizes.json", b'{"valid": 0}'), "sizes.json: does not tell the numbers of"),
        (written("optuna.db", b""), "optuna.db: empty; restore it, or run the same softnce search"),
        (written("optuna.db", b"x" * 5000), "optuna.db: not a readable study storage; restore it"),
        (of_something_else, "optuna.db: holds no study mine; restore it"),
        (
            changed("UPDATE trial_user_attributes SET value_json = '{'"),
            "optuna.db: not a readable study storage; restore it",
        ),
        (
            changed("UPDATE alembic_version SET version_num = 'v99'"),
            "optuna.db: not a readable study storage; restore it",
        ),
    ],
    ids=["sizes", "torn", "none", "empty", "garbage", "others", "rows", "version"],
)
def test_a_damaged_study_is_named_with_what_mends_it(study, damage, words):
    damage(study)
    with pytest.raises(ConfigError, match=words):
        reported(study)


def reported(study):
    context = stored_study_context(str(study), Console(file=io.StringIO()))
    show(context, tracker_of(context, ""))
    return context.console.file.getvalue()


def refused(said, words):
    assert words in said.stderr
    assert said.stderr.startswith("error: ")
    assert len(said.stderr.splitlines()) == 1
    assert said.stdout == ""
    assert said.returncode == 2


def test_a_look_at_an_empty_storage_leaves_it_empty(study):
    (study / "optuna.db").write_bytes(b"")
    for verb in ("report", "clean"):
        refused(softnce(verb, str(study)), "optuna.db: empty")
    assert (study / "optuna.db").stat().st_size == 0


@pytest.fixture(scope="module")
def locked(ended, tmp_path_factory):
    """Two studies whose storage a process keeps locked, searching one: its number, and a report."""
    started, reports = {}, {}
    for kind in ("named", "unknown"):
        study = shutil.copytree(ended, tmp_path_factory.mktemp(kind) / "mine")
        command = [sys.executable, "-c", LOCKER, str(study), kind]
        started[kind] = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert started[kind].stdout.readline() == "locked\n"
        reports[kind] = begun_report(study)  # both wait for their eight seconds at once
    try:
        yield {
            kind: (process.pid, *reports[kind].communicate(timeout=200), reports[kind].returncode)
            for kind, process in started.items()
        }
    finally:
        for process in started.values():
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()


def begun_report(study):
    command = [*SOFTNCE, "report", str(study)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["named", "unknown"])
def test_a_locked_study_is_reported_within_seconds_and_by_whom(locked, kind):
    pid, stdout, stderr, code = locked[kind]
    said = subprocess.CompletedProcess([], code, stdout, stderr)
    refused(said, "optuna.db: locked by another process for more than 8 s; ")
    assert (f"process {pid} on " in said.stderr) == (kind == "named")
    assert "wait for it, or end it" in said.stderr


def test_a_clean_says_nothing_but_what_it_frees(study):
    said = softnce("clean", str(study))
    assert (said.returncode, said.stdout, said.stderr) == (0, "0 bytes freed\n", "")
