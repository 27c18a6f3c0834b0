"""One vocabulary of states: what Optuna, MLflow and older studies call them."""

import optuna
import pytest
from mlflow.entities import RunStatus

from tune_spaces.trial_state import TrialState


@pytest.mark.parametrize("state", TrialState)
def test_every_state_has_a_word_in_optuna_and_in_mlflow(state):
    assert state.in_optuna in optuna.trial.TrialState
    assert RunStatus.to_string(RunStatus.from_string(state.in_mlflow)) == state.in_mlflow


@pytest.mark.parametrize("theirs", optuna.trial.TrialState)
def test_a_state_that_optuna_stored_is_read_back(theirs):
    assert TrialState.stored(theirs).in_optuna == theirs


def test_a_trial_that_runs_in_a_stored_study_was_interrupted():
    assert TrialState.stored(optuna.trial.TrialState.RUNNING) is TrialState.INTERRUPTED


@pytest.mark.parametrize("state", TrialState)
def test_what_is_written_is_a_plain_word_and_is_read_back(state):
    assert TrialState(f"{state}") is state


def test_the_word_of_older_studies_for_a_failure_is_read():
    assert TrialState("fail") is TrialState.FAILED
    with pytest.raises(ValueError, match="unheard"):
        TrialState("unheard")


def test_what_has_ended_is_not_continued():
    ended = {state for state in TrialState if state.has_ended}
    assert ended == {TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAILED}
