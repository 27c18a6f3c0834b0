"""What the searcher tells the trial store about endings."""

from types import SimpleNamespace

import optuna
import pytest
from mlflow import MlflowClient

from softnce.config.file import validated
from softnce.errors import SetupError
from tune_spaces.space.first_points import first_points
from tune_spaces.space.space import search_space
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.tracking.store import Store, own_uri
from tune_spaces.tracking.tracker import Tracker
from tune_spaces.trial_state import TrialState
from tune_spaces.tune.callbacks import LogWatcher, MLflowWatcher
from tune_spaces.tune.scheduler import asha
from tune_spaces.tune.searcher import Plan, StopSwitch, StudySearcher

SPACE = {"loss/temperature": {"real": [0.02, 0.2], "log": True}}
DONE = {"epoch": 1, "objective": 0.5, "finished": True}


@pytest.fixture
def study(tmp_path):
    return optuna.create_study(storage=f"sqlite:///{tmp_path / 'a.db'}", direction="maximize")


def searching(study, switch, watchers=(), trials=1, tracker=None):
    """Return a searcher of trials with InfoNCE."""
    settings = {"data": {"path": "x"}, "loss": {"name": "infonce"}, "search": {"space": SPACE}}
    space = search_space(validated(settings))
    plan, trial_store = Plan(space.config, lambda *_: None, trials), TrialStore(study, space)
    if tracker is not None:
        watchers = [MLflowWatcher(tracker, trial_store, space)]
    return StudySearcher(trial_store, plan, switch, watchers)


def ended_trial(study, switch, press):
    """Hand one trial out, press, report its only epoch, and return how the study has it."""
    searcher = searching(study, switch)
    searcher.suggest("one")
    press()
    searcher.reported("one", DONE)
    searcher.on_trial_complete("one", DONE)
    (trial,) = study.get_trials()
    return trial.state.name, trial.intermediate_values


def test_a_trial_that_ends_while_the_search_stops_is_reported_as_complete(study):
    switch = StopSwitch(None)
    told = ended_trial(study, switch, lambda: switch.press("Ctrl-C"))
    assert told == ("COMPLETE", {1: 0.5})


def test_a_search_that_has_lost_its_study_tells_nothing_more(study):
    switch = StopSwitch(None)
    told = ended_trial(study, switch, lambda: switch.cut_off("lost", 3))
    assert told == ("RUNNING", {})
    assert switch.is_pressed()
    assert switch.exit_code == SetupError.exit_code


def test_trials_that_tune_told_no_ending_of_leave_no_run_open(study, tmp_path):
    store = Store(own_uri(tmp_path), "softnce/made", tmp_path)
    tracker, switch = Tracker(store, "made"), StopSwitch(None)
    tracker.connect()
    tracker.open({})
    searcher = searching(study, switch, trials=2, tracker=tracker)
    for trial_id in ("one", "two"):
        searcher.suggest(trial_id)
    searcher.reported("two", {"epoch": 1, "objective": 0.5, "finished": False})
    switch.press("stopped by Ctrl-C")
    searcher.interrupt_rest()
    assert tracker.close(TrialState.INTERRUPTED, "note", timeout_s=300) == 0
    client = MlflowClient(store.uri)
    (experiment,) = [one for one in client.search_experiments() if one.name == store.experiment]
    runs = client.search_runs([experiment.experiment_id])
    assert [run.info.status for run in runs] == ["KILLED"] * 3  # the study's own, and two trials
    assert [trial.state.name for trial in study.get_trials()] == ["RUNNING"] * 2  # to go on with


def test_the_log_has_each_trial_with_its_state_and_value(study, caplog):
    caplog.set_level("INFO")
    switch = StopSwitch(None)
    searcher = searching(study, switch, [LogWatcher()], trials=2)
    for trial_id in ("one", "two"):
        searcher.suggest(trial_id)
    searcher.on_trial_complete("one", DONE)
    searcher.on_trial_complete("two", {"failure": "the loss is not finite"})
    assert [line for line in caplog.messages if line.startswith("t000")] == [
        "t0000-infonce started: search, by random",
        "t0001-infonce started: search, by random",
        "t0000 complete with 0.5000",
        "t0001 failed: the loss is not finite",
    ]


def judged_last(study, folder, role):
    """Report a hopeless first epoch of the first trial of a role, after many good ones."""
    search = {"space": SPACE, "asha": {"reduction": 2}}
    settings = {"data": {"path": "x"}, "loss": {"name": "soft-infonce"}, "search": search}
    config = validated(settings)
    space = search_space(config)
    trial_store = TrialStore(study, space)
    trial_store.enqueue_once(first_points(space, "paper", 4321))
    plan = Plan(space.config, lambda key, _: SimpleNamespace(folder=folder / key), trials=9)
    searcher, scheduler = StudySearcher(trial_store, plan, StopSwitch(None), []), asha(config, [])
    for number in range(4):
        good = SimpleNamespace(trial_id=f"good{number}", config={})
        scheduler.on_trial_add(None, good)
        scheduler.on_trial_result(None, good, {"epoch": 1, "objective": 0.9})
    given = [(str(number), searcher.suggest(str(number))) for number in range(4)]
    roles = [one.user_attrs["role"] for one in study.get_trials()]
    trial_id, assigned = given[roles.index(role)]
    trial = SimpleNamespace(trial_id=trial_id, config=assigned)
    scheduler.on_trial_add(None, trial)
    return [
        scheduler.on_trial_result(None, trial, {"epoch": epoch, "objective": 0.1})
        for epoch in (1, 2)
    ]


@pytest.mark.parametrize("role", ["infonce", "noise", "paper"])
def test_a_first_point_runs_to_its_end_however_weak(study, tmp_path, role):
    assert judged_last(study, tmp_path, role) == ["CONTINUE", "CONTINUE"]


def test_a_weak_trial_of_the_search_is_stopped(study, tmp_path):
    assert judged_last(study, tmp_path, "search")[0] == "STOP"


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ("Traceback\n  ...\nValueError: of ours\n", "ValueError: of ours"),
        (
            None,
            "the process was killed twice, perhaps for want of memory; set "
            "optim.max_tokens_per_pass, which keeps the batch whole, or lower optim.batch_size",
        ),
    ],
)
def test_a_trial_whose_process_died_fails_alone_with_its_reason(study, tmp_path, left, said):
    settings = {"data": {"path": "x"}, "loss": {"name": "infonce"}, "search": {"space": SPACE}}
    space = search_space(validated(settings))
    plan = Plan(
        space.config,
        lambda key, config: SimpleNamespace(folder=tmp_path / key, config=config),
        trials=2,
    )
    searcher = StudySearcher(TrialStore(study, space), plan, StopSwitch(None), [])
    dead, living = (searcher.suggest(name)["assignment"] for name in ("dead", "living"))
    dead.folder.mkdir()
    if left is not None:
        (dead.folder / "error.txt").write_text(left)
    searcher.on_trial_complete("dead", None, error=True)
    searcher.on_trial_complete("living", DONE)
    assert [one.state.name for one in study.get_trials()] == ["FAIL", "COMPLETE"]
    assert study.get_trials()[0].user_attrs["error"].startswith(said)
    assert living.folder != dead.folder
