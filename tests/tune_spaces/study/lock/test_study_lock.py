"""Two searches never run on one study; a dead one does not block the next."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import optuna
import psutil
import pytest

from softnce.errors import SetupError
from tune_spaces.study.lock.lease_owner import ClusterNodes, Heartbeat
from tune_spaces.study.lock.study_lock import held, require_free

QUICK = Heartbeat(every_s=1.0, dead_after_s=3.0)
HOLDER = """
import optuna, sys, time
from tune_spaces.study.lock.lease_owner import Heartbeat
from tune_spaces.study.lock.study_lock import held

def press(reason, code):
    print(code, reason, flush=True)

study = optuna.load_study(study_name="made", storage=sys.argv[1])
with held(study, Heartbeat(1.0, 3.0)) as hold, hold.handed_to(press):
    print("held", flush=True)
    time.sleep(3600)
"""


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path / 'optuna.db'}"


def opened(storage):
    return optuna.create_study(study_name="made", storage=storage, load_if_exists=True)


def entry(study):
    return study.user_attrs["softnce.lease"]


def change(study, **fields):
    """Edit the stored holder: what it would be had it been written elsewhere or earlier."""
    study.set_user_attr("softnce.lease", {**entry(study), **fields})


def wait_for(look, within_s=300):
    until = time.monotonic() + within_s
    while not look():
        assert time.monotonic() < until, "what was waited for has not come"
        time.sleep(0.02)


@contextmanager
def holder_process(storage):
    """Another process that holds the study, killed in the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, storage], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline().strip() == "held"
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def suspended(process, study):
    """Stop a holder just after it has beaten, so that it does not lock the storage meanwhile."""
    last = entry(study)["at"]
    wait_for(lambda: entry(study)["at"] > last)
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def test_a_study_can_be_held_again_after_it_was_let_go(storage):
    for _ in range(2):
        with held(opened(storage)):
            pass


def test_a_second_search_is_refused_and_names_who_holds_the_study(storage):
    with held(opened(storage)):
        with pytest.raises(SetupError) as error, held(opened(storage)):
            pass
        assert f"process {os.getpid()} on {socket.gethostname()}" in str(error.value)


def test_the_holder_of_another_process_is_respected_until_that_process_is_dead(storage):
    opened(storage)
    with holder_process(storage) as process:
        with pytest.raises(SetupError, match=f"process {process.pid}"), held(opened(storage)):
            pass
        process.kill()
        wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
        with held(opened(storage)):  # dead, though its parent has not noticed
            pass


def test_a_suspended_process_of_this_host_keeps_its_study_however_old_its_heartbeat(storage):
    study = opened(storage)
    with holder_process(storage) as process, suspended(process, study):
        change(study, at=time.time() - 3600)
        with pytest.raises(SetupError, match=rf"process {process.pid} .*\(heartbeat 3600 s ago"):
            require_free(study)


def test_a_process_that_was_given_a_dead_holders_number_does_not_hold_its_study(storage):
    study = opened(storage)
    with held(study):
        left = {**entry(study), "started": entry(study)["started"] - 500}
    study.set_user_attr("softnce.lease", {**left, "at": time.time() - 10})
    with pytest.raises(SetupError, match="is searching it"):
        require_free(study)
    study.set_user_attr("softnce.lease", {**left, "at": time.time() - 200})
    require_free(study)


@pytest.mark.parametrize("elsewhere", [{"host": "elsewhere"}, {"namespace": "pid:[1]"}])
@pytest.mark.parametrize(("age_s", "is_refused"), [(10, True), (200, False)])
def test_a_holder_that_cannot_be_seen_counts_while_its_heart_beats(
    storage, elsewhere, age_s, is_refused
):
    study = opened(storage)
    with held(study):
        left = {**entry(study), **elsewhere}
    study.set_user_attr("softnce.lease", {**left, "pid": 1, "at": time.time() - age_s})
    if is_refused:
        with pytest.raises(SetupError, match=f"on {left['host']}"), held(opened(storage)):
            pass
    else:
        with held(opened(storage)):
            pass


@pytest.mark.parametrize(
    "place", [{"host": "elsewhere"}, {"started": 0}]
)  # or a number given again
@pytest.mark.parametrize(("dead", "is_free"), [("its-node", True), ("another-node", False)])
def test_a_search_whose_node_the_cluster_has_declared_dead_holds_nothing(
    storage, place, dead, is_free
):
    study = opened(storage)
    with held(study, nodes=ClusterNodes("its-node", lambda _: False)):
        left = {**entry(study), **place, "at": time.time() + 1000}
    study.set_user_attr("softnce.lease", left)
    nodes = ClusterNodes("our-node", lambda node: node == dead)
    if is_free:
        with held(study, nodes=nodes):
            assert entry(study)["node"] == "our-node"
    else:
        with (
            pytest.raises(SetupError, match="or once the cluster has noticed, if it is dead"),
            held(study, nodes=nodes),
        ):
            pass


@pytest.mark.parametrize(
    "entry",
    [
        "x",
        [1],
        {"token": "x", "host": "h"},
        {"token": "x", "host": "h", "pid": "7", "at": 1e12},
        {"token": "x", "host": "h", "pid": -5, "at": 1e12},
        {"token": "x", "host": "h", "pid": 5, "at": "yesterday"},
        {"token": "x", "host": "h", "pid": 5, "at": 1e12, "started": "then"},
        {"token": "x", "host": "h", "pid": 5, "at": 1e12, "node": 7},
    ],
)
def test_an_entry_that_no_search_writes_holds_nothing(storage, entry):
    study = opened(storage)
    study.set_user_attr("softnce.lease", entry)
    require_free(study)
    with held(study):
        pass


def test_the_refusal_tells_when_the_lease_of_a_dead_holder_elsewhere_ends(storage):
    study = opened(storage)
    with held(study):
        left = {**entry(study), "host": "elsewhere", "pid": 7}
        with pytest.raises(SetupError) as here:
            require_free(study)
    assert "if it is dead" not in str(here.value)  # that would be seen at once
    study.set_user_attr("softnce.lease", {**left, "at": time.time() + 1000})
    with pytest.raises(
        SetupError, match=r"process 7 on elsewhere .*; free in 10\d\d s if it is dead"
    ):
        require_free(study)


def test_who_is_patient_waits_until_the_study_is_let_go(storage):
    study, told = opened(storage), []
    with ThreadPoolExecutor() as pool:
        with held(study):
            waiting = pool.submit(hold_patiently, storage, told)
            wait_for(lambda: told)
            assert not waiting.done()
        assert waiting.result(timeout=300)["pid"] == os.getpid()
    (sentence,) = told
    assert sentence.startswith("waiting: study made: process ")
    assert re.search(r"is searching it \(heartbeat \d+ s ago\)$", sentence)
    assert entry(study) == {}


def hold_patiently(storage, told):
    """Wait for a study, and return its holder once it is held."""
    study = opened(storage)
    with held(study, QUICK, tell_wait=told.append):
        return entry(study)


def test_who_is_patient_outlives_the_lease_of_a_dead_holder(storage):
    study, told = opened(storage), []
    with held(study):
        left = {**entry(study), "host": "elsewhere", "at": time.time()}
    study.set_user_attr("softnce.lease", left)
    assert hold_patiently(storage, told)["host"] == socket.gethostname()
    assert len(told) == 1


def test_the_heart_beats_as_long_as_the_study_is_held(storage):
    study = opened(storage)
    with held(study, Heartbeat(every_s=0.05)):
        for _ in range(3):
            last = entry(study)["at"]
            wait_for(lambda last=last: entry(study)["at"] > last)
    assert entry(study) == {}


def test_a_holder_that_was_taken_for_dead_is_told_to_stop_once_it_wakes(storage):
    study = opened(storage)
    with ExitStack() as ours, holder_process(storage) as process:
        with suspended(process, study):
            change(study, host="elsewhere")  # a process of this host would not be taken for dead
            wait_for(lambda: time.time() - entry(study)["at"] > QUICK.dead_after_s)
            lease = ours.enter_context(held(study, QUICK))
        code, reason = process.stdout.readline().split(" ", 1)
        assert int(code) == SetupError.exit_code
        assert f"process {os.getpid()} on {socket.gethostname()} took it over" in reason
        lease.require()


def test_a_holder_that_lost_its_study_concludes_nothing_and_leaves_the_others_claim(storage):
    study = opened(storage)
    told = []
    with held(study, Heartbeat(every_s=60)) as mine:
        mine.require()
        change(study, token="another", host="elsewhere", pid=77)
        with pytest.raises(SetupError, match="process 77 on elsewhere took it over"):
            mine.require()
        with mine.handed_to(lambda *words: told.append(words)):
            pass
    assert [code for _, code in told] == [SetupError.exit_code]
    assert entry(study)["token"] == "another"


def test_a_loss_is_reported_even_where_the_other_search_has_ended_since(storage):
    study, told = opened(storage), []
    with (
        held(study, Heartbeat(every_s=0.05)) as mine,
        mine.handed_to(lambda *said: told.append(said)),
    ):
        study.set_user_attr("softnce.lease", {})
        wait_for(lambda: told)
    assert "another search took it over" in told[0][0]
    assert entry(study) == {}
