"""How a search ends without a confirmation, on real stores and without Ray."""

from dataclasses import replace

import pytest
from rich.console import Console

from softnce.config.file import validated
from tune_spaces.confirm.ending import ended_verdict, settled_verdict, so_far
from tune_spaces.confirm.phase import table_of
from tune_spaces.preparation.held_study import HeldStudy
from tune_spaces.space.first_points import first_points
from tune_spaces.space.space import search_space
from tune_spaces.study.context import StudyContext
from tune_spaces.study.folder import StudyFolder
from tune_spaces.study.sizes import Sizes, store_sizes
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.study.verdicts.stored_verdict import StoredVerdict, store_verdict, stored_verdict
from tune_spaces.trial_state import TrialState

SPACE = {"optim/learning_rate": {"real": [0.001, 0.01]}}


@pytest.fixture
def held_study(tmp_path):
    """Make a study whose trials have ended, in the hands of this process."""

    def maker(*, test=100, **search):
        config = validated({"data": {"path": "x"}, "search": {"space": SPACE, **search}})
        folder, space = StudyFolder(tmp_path / "mine", "mine"), search_space(config)
        trial_store = TrialStore(folder.optuna_study(), space)
        store_sizes(folder.root, Sizes(valid=100, test=test, candidates=200))
        trial_store.enqueue_once(first_points(space, "paper", 1))
        for value in (0.3, 0.4, 0.5, 0.45, 0.44):
            proposal = trial_store.ask()
            trial_store.report(proposal.key, 1, value)
            trial_store.tell(proposal.key, TrialState.COMPLETE, value)
        context = StudyContext(config, folder, space, Console(quiet=True))
        return HeldStudy(context, None, trial_store, None, None)

    return maker


def test_a_confirmation_that_costs_more_than_half_of_the_search_is_left_to_a_command(held_study):
    ending = ended_verdict(held_study(), None, 2)
    assert ending.sentence.startswith("Unconfirmed: the lead of t0002 (Soft-InfoNCE")
    assert "softnce confirm " in ending.sentence
    assert "finds out in about 1 minute" in ending.sentence
    assert not ending.is_final


def test_who_wants_no_confirmation_is_told_the_command(held_study):
    ending = settled_verdict(held_study(confirm="never"))
    assert ending.sentence.startswith("Unconfirmed: ")
    assert "finds out in about 1 minute" in ending.sentence
    assert not ending.is_final


@pytest.mark.parametrize("confirm", ["auto", "never"])
def test_trials_that_were_scored_on_the_test_split_leave_none_to_confirm_them(held_study, confirm):
    study = held_study(confirm=confirm, score_test=True)
    ending = settled_verdict(study)
    assert ending.sentence.startswith("Unconfirmed: the lead of t0002 (Soft-InfoNCE")
    assert "all of them were scored on the test split" in ending.sentence
    assert "softnce confirm" not in ending.sentence
    assert so_far(study) == ending.sentence


@pytest.mark.parametrize("confirm", ["auto", "always", "never"])
def test_what_can_never_be_confirmed_ends_at_once(held_study, confirm):
    ending = settled_verdict(held_study(test=10, confirm=confirm))
    assert ending.sentence.startswith("Cannot tell: 10 test queries among 200 candidates")
    assert ending.is_final


def test_a_verdict_stays_until_the_trials_change(held_study):
    study = held_study(confirm="never")
    root, table = study.context.folder.root, table_of(study)
    store_verdict(root, table, StoredVerdict("Better: so it is.", is_final=True, facts={"a": 1}))
    assert settled_verdict(study).sentence == so_far(study) == "Better: so it is."
    more = [*table, replace(table[0], key="t0009")]
    assert stored_verdict(root, more) is None
    assert stored_verdict(root, table).facts == {"a": 1}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"trials": 1}'])
def test_a_damaged_verdict_counts_as_none(held_study, text):
    study = held_study()
    (study.context.folder.root / "verdict.json").write_text(text)
    assert stored_verdict(study.context.folder.root, table_of(study)) is None
