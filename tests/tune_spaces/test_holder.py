"""Two searches never run on one study; a dead one does not block the next."""

import os
import socket
import subprocess
import sys
import time

import optuna
import pytest

from softnce.errors import SetupError
from tune_spaces.holder import held


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path / 'optuna.db'}"


def opened(storage):
    return optuna.create_study(study_name="made", storage=storage, load_if_exists=True)


def test_a_study_can_be_held_again_after_it_was_let_go(storage):
    for _ in range(2):
        with held(opened(storage)):
            pass


def test_a_second_search_is_refused_and_told_who_holds_the_study(storage):
    with held(opened(storage)):
        with pytest.raises(SetupError) as error, held(opened(storage)):
            pass
        assert f"process {os.getpid()} on {socket.gethostname()}" in str(error.value)


def test_the_holder_of_another_process_is_respected_until_that_process_is_dead(storage):
    script = (
        "import optuna, sys, time\n"
        "from tune_spaces.holder import held\n"
        "with held(optuna.create_study(study_name='made', storage=sys.argv[1],"
        " load_if_exists=True)):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, storage], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().strip() == "held"
    with pytest.raises(SetupError, match=f"process {process.pid}"), held(opened(storage)):
        pass
    process.kill()
    process.wait()
    with held(opened(storage)):
        pass


@pytest.mark.parametrize(("age_s", "is_refused"), [(10, True), (200, False)])
def test_a_holder_on_another_host_counts_while_its_heart_beats(storage, age_s, is_refused):
    study = opened(storage)
    holder = {"token": "x", "host": "elsewhere", "pid": 1, "at": time.time() - age_s}
    study.set_user_attr("softnce.holder", holder)
    if is_refused:
        with pytest.raises(SetupError, match="on elsewhere"), held(opened(storage)):
            pass
    else:
        with held(opened(storage)):
            pass
