"""Importances on a real sqlite study, whose objective is known."""

import io
import subprocess
import sys

import optuna
import pytest
from rich.console import Console

from softnce.config.file import validated
from tune_spaces.report.importance import importance, show_importance
from tune_spaces.space.space import search_space
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.trial_state import TrialState

SPACE = {
    "loss/temperature": {"real": [0.02, 0.2]},
    "weights/alpha": {"real": [0.2, 1.9]},
}
optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture
def trial_store(tmp_path):
    study = optuna.create_study(
        study_name="s", storage=f"sqlite:///{tmp_path / 'optuna.db'}", direction="maximize"
    )
    config = {"data": {"path": "pairs"}, "search": {"space": SPACE, "n_startup_trials": 100}}
    return TrialStore(study, search_space(validated(config)))


def ended(trial_store, count, state=TrialState.COMPLETE):
    """End trials whose metric depends on alpha alone."""
    for _ in range(count):
        proposal = trial_store.ask()
        trial_store.tell(proposal.key, state, proposal.values.get("weights/alpha", 0) / 4)


def shown(trial_store):
    console = Console(file=io.StringIO(), width=100)
    show_importance(console, importance(trial_store.trials()))
    return console.file.getvalue()


def test_the_setting_that_decides_comes_first_and_the_trials_are_counted(trial_store):
    ended(trial_store, 24)
    ended(trial_store, 1, TrialState.PRUNED)
    found = importance(trial_store.trials())
    assert next(iter(found.of_settings)) == "weights/alpha"
    assert sum(found.of_settings.values()) == pytest.approx(1)
    said = shown(trial_store)
    assert said.index("weights/alpha") < said.index("loss/temperature")
    assert "what sets the best 5 of 24 complete trials apart" in said


def test_few_complete_trials_are_said_to_be_too_few(trial_store):
    ended(trial_store, 9)
    ended(trial_store, 1, TrialState.PRUNED)
    assert "cannot be told; complete trials: 9, needed: 10" in shown(trial_store)
    assert importance(trial_store.trials()).of_settings == {}


def test_the_second_seed_of_infonce_is_no_trial_of_the_space(trial_store):
    ended(trial_store, 10)
    known = trial_store.trials()
    known[0].user_attrs["role"] = "noise"
    assert importance(known).trials == 9


def test_the_importances_are_told_without_the_forests_that_optuna_may_draw_on():
    script = """
import sys
import optuna
from tune_spaces.report.importance import importance

optuna.logging.set_verbosity(optuna.logging.ERROR)
sampler = optuna.samplers.RandomSampler(seed=0)
study = optuna.create_study(direction="maximize", sampler=sampler)
study.optimize(lambda one: one.suggest_float("a", 0, 1) + 0 * one.suggest_float("b", 0, 1), 30)
print(*importance(study.trials).of_settings, *{"sklearn", "pandas", "scipy"} & set(sys.modules))
optuna.importance.FanovaImportanceEvaluator()  # and who asks for those later has them
print("sklearn" in sys.modules)
"""
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == ["a b", "True"]
