"""What the searcher tells the ledger about endings."""

import optuna
import pytest

from softnce.config.file import validated
from softnce.errors import SetupError
from tune_spaces.space.space import search_space
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.tune.searcher import Plan, StopSwitch, StudySearcher

SPACE = {"loss/temperature": {"real": [0.02, 0.2], "log": True}}
DONE = {"epoch": 1, "objective": 0.5, "finished": True}


@pytest.fixture
def study(tmp_path):
    return optuna.create_study(storage=f"sqlite:///{tmp_path / 'a.db'}", direction="maximize")


def ended_trial(study, folder, switch, press):
    """Hand one trial out, press, report its only epoch, and return how the study has it."""
    settings = {"data": {"path": "x"}, "loss": {"name": "infonce"}, "search": {"space": SPACE}}
    space = search_space(validated(settings))
    plan = Plan(space.config, lambda _: {}, lambda key: folder / key, trials=1)
    searcher = StudySearcher(TrialStore(study, space), plan, switch, [])
    searcher.suggest("one")
    press()
    searcher.reported("one", DONE)
    searcher.on_trial_complete("one", DONE)
    (trial,) = study.get_trials()
    return trial.state.name, trial.intermediate_values


def test_a_trial_that_ends_while_the_search_stops_is_told_as_complete(study, tmp_path):
    switch = StopSwitch(None)
    told = ended_trial(study, tmp_path, switch, lambda: switch.press("Ctrl-C"))
    assert told == ("COMPLETE", {1: 0.5})


def test_a_search_that_has_lost_its_study_tells_nothing_more(study, tmp_path):
    switch = StopSwitch(None)
    told = ended_trial(study, tmp_path, switch, lambda: switch.cut_off("lost", 3))
    assert told == ("RUNNING", {})
    assert switch.is_pressed()
    assert switch.exit_code == SetupError.exit_code
