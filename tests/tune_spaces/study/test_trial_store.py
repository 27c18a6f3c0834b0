"""The trial_store on a real sqlite file, opened anew as a search that was killed would."""

import math

import optuna
import pytest

from softnce.config.file import validated
from softnce.errors import ConfigError
from tune_spaces.space.first_points import first_points
from tune_spaces.space.space import search_space
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.trial_state import TrialState

SOFT = {"loss/name": "soft-infonce"}
SPACE = {
    "loss/name": {"choice": ["infonce", "soft-infonce"]},
    "loss/temperature": {"real": [0.02, 0.2], "log": True},
    "weights/alpha": {"real": [0.2, 1.9], "when": SOFT},
    "weights/beta": {"tie": "2 - weights/alpha", "when": SOFT},
}
optuna.logging.set_verbosity(optuna.logging.ERROR)


def spaced(space=None, **search):
    search = {"n_startup_trials": 4, "space": SPACE if space is None else space, **search}
    return search_space(validated({"data": {"path": "pairs"}, "search": search}))


def stored(path):
    return optuna.create_study(
        study_name="s", storage=f"sqlite:///{path}", direction="maximize", load_if_exists=True
    )


@pytest.fixture
def opened(tmp_path):
    """Open the trial store on a file, its first points lined up."""

    def opener(name="a", **search):
        space = spaced(**search)
        trial_store = TrialStore(stored(tmp_path / f"{name}.db"), space)
        trial_store.enqueue_once(first_points(space, "paper", 4321))
        return trial_store

    opener.study = lambda name="a": stored(tmp_path / f"{name}.db")
    return opener


def score(proposal):
    """Stand in for training: a fixed number for fixed values."""
    values = proposal.values
    return (
        0.5
        + 0.1 * values.get("weights/alpha", 0)
        - abs(math.log(values.get("loss/temperature", 0.07) / 0.07)) / 9
    )


def finished(trial_store, proposal, value=None):
    value = score(proposal) if value is None else value
    trial_store.report(proposal.key, 1, value)
    trial_store.tell(proposal.key, TrialState.COMPLETE, value)


def asked(trial_store, count):
    proposals = []
    for _ in range(count):
        proposals.append(trial_store.ask())
        finished(trial_store, proposals[-1])
    return proposals


def test_the_first_points_come_first_and_once(opened):
    opened()
    roles = [proposal.role for proposal in asked(opened(), 5)]
    assert roles == ["infonce", "noise", "paper", "search", "search"]
    assert len(opened.study().get_trials(states=(optuna.trial.TrialState.WAITING,))) == 0


def test_the_epochs_of_an_interrupted_trial_are_known_to_the_next_search(opened):
    trial_store = opened()
    key = trial_store.ask().key
    for epoch, value in ((2, 0.3), (1, 0.2)):  # recorded in any order
        trial_store.report(key, epoch, value)
    assert opened().curves() == {key: [0.2, 0.3]}


def test_lining_up_that_was_cut_short_is_completed(opened, tmp_path):
    points = first_points(spaced(), "paper", 4321)
    TrialStore(stored(tmp_path / "a.db"), spaced()).enqueue_once(points[:1])
    assert [one.role for one in asked(opened(), 4)] == ["infonce", "noise", "paper", "search"]


def test_a_paper_point_keeps_what_lies_outside_the_space(opened):
    paper = asked(opened(), 3)[2]
    assert paper.values["weights/scale"] == "raw"
    assert paper.values["weights/alpha"] == 1.5
    assert opened.study().trials[2].params["weights/alpha"] == 1.5  # the sampler learns from it
    assert "weights/beta" not in opened.study().trials[2].params


@pytest.mark.parametrize("cut", [0, 1, 3, 6, 9])
def test_an_interrupted_study_asks_what_an_undisturbed_one_asks(opened, cut):
    whole = asked(opened("whole"), 12)
    first = asked(opened("cut"), cut)
    lost = opened("cut").ask()
    again = opened("cut")
    waiting = again.interrupted()
    assert waiting == [lost]
    finished(again, waiting[0])
    assert first + waiting + asked(again, 11 - cut) == whole


def test_trials_that_ran_side_by_side_are_all_continued_under_their_numbers(opened):
    trial_store = opened()
    lost = [trial_store.ask() for _ in range(5)]
    trial_store.report(lost[4].key, 1, 0.4)
    again = opened()
    assert again.interrupted() == lost
    assert [proposal.key for proposal in lost] == ["t0000", "t0001", "t0002", "t0003", "t0004"]
    for proposal in lost:
        finished(again, proposal)
    assert again.ended() == 5
    assert opened.study().trials[4].intermediate_values == {1: 0.4}


@pytest.mark.parametrize("first", [0, 5])
def test_a_trial_that_died_while_it_was_drawn_is_drawn_again(opened, first, monkeypatch):
    asked(opened("whole"), first)
    wanted = opened("whole").ask()
    trial_store = opened()
    asked(trial_store, first)

    def died(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(trial_store._space.__class__, "suggest", died)
        with pytest.raises(KeyboardInterrupt):
            trial_store.ask()
    assert opened().interrupted() == [wanted]


def test_endings_are_stored_as_what_they_were(opened):
    trial_store = opened()
    endings = [
        (TrialState.COMPLETE, 0.7),
        (TrialState.PRUNED, 0.3),
        (TrialState.FAILED, None),
        (TrialState.COMPLETE, float("nan")),
    ]
    for state, value in endings:
        proposal = trial_store.ask()
        trial_store.report(proposal.key, 1, 0.25)
        trial_store.note(proposal.key, "epochs", 1)
        trial_store.tell(proposal.key, state, value)
    trial_store.ask()
    found = opened.study().trials
    assert [one.state for one in found] == [
        optuna.trial.TrialState.COMPLETE,
        optuna.trial.TrialState.PRUNED,
        optuna.trial.TrialState.FAIL,
        optuna.trial.TrialState.FAIL,
        optuna.trial.TrialState.RUNNING,
    ]
    assert [one.value for one in found] == [0.7, 0.25, None, None, None]
    assert all(one.user_attrs["epochs"] == 1 for one in found[:4])
    assert opened().ended() == 4


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_number_that_is_none_is_stored(opened, value):
    trial_store = opened()
    proposal = trial_store.ask()
    trial_store.report(proposal.key, 1, value)
    trial_store.tell(proposal.key, TrialState.COMPLETE, value)
    (found, *_) = opened.study().trials
    assert (found.state, found.intermediate_values) == (optuna.trial.TrialState.FAIL, {})


def test_a_known_point_is_not_trained_again(opened):
    choices = {"loss/name": {"choice": ["infonce", "soft-infonce"]}}
    trial_store = opened(space=choices, always_try="infonce")
    first = trial_store.ask()
    finished(trial_store, first, 0.5)
    trained = [first]

    def exhaust():
        while True:
            trained.append(trial_store.ask())
            finished(trial_store, trained[-1], 0.4)

    with pytest.raises(ConfigError, match="known points: the space is used up"):
        exhaust()
    values = [dict(one.values) for one in trained]
    assert all(values.count(one) == 1 for one in values)
    assert len(trained) == trial_store.ended() == len(trial_store.trials())
    repeats = [one for one in opened.study().trials if "repeats" in one.user_attrs]
    known = {one.user_attrs["key"]: one for one in trial_store.trials()}
    assert all(one.value == known[one.user_attrs["repeats"]].value for one in repeats)
    assert len(repeats) >= 50


def losses(proposals):
    return [one.values.get("loss/name", "soft-infonce") for one in proposals if one.role != "noise"]


@pytest.mark.parametrize(
    "space",
    [
        {"optim/learning_rate": {"real": [1e-4, 1e-2], "log": True}},
        {"loss/name": {"choice": ["soft-infonce", "bce"]}, "loss/temperature": {"real": [0.1, 1]}},
        SPACE,
    ],
)
@pytest.mark.parametrize("trials", [9, 14])
def test_infonce_has_as_many_tries_as_the_losses_it_is_compared_with(opened, space, trials):
    tried = losses(asked(opened(space=space, n_startup_trials=3), trials))
    assert abs(tried.count("infonce") - (len(tried) - tried.count("infonce"))) <= 1


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5])
def test_infonce_gets_its_share(opened, share):
    tried = losses(asked(opened(infonce_share=share, n_startup_trials=3), 23))
    assert tried.count("infonce") >= math.floor(share * len(tried))


def test_nothing_is_reserved_for_infonce_once_its_settings_are_used_up(opened):
    space = {"loss/symmetric": {"choice": [False, True]}, "weights/alpha": {"real": [0.2, 1.9]}}
    trial_store = opened(space=space, n_startup_trials=3)
    tried = []
    for _ in range(12):
        tried.append(trial_store.ask())
        finished(trial_store, tried[-1], 0.4)
    assert losses(tried).count("infonce") == 2


def test_infonce_without_settings_of_its_own_is_not_repeated(opened):
    space = {name: one for name, one in SPACE.items() if name != "loss/temperature"}
    trial_store = opened(space=space, infonce_share=0.9, always_try="paper")
    for _ in range(10):
        proposal = trial_store.ask()
        finished(trial_store, proposal, 0.4)
    assert not any("reserved" in one.user_attrs for one in opened.study().trials)


def test_the_sampler_takes_over_after_the_start(opened):
    proposals = asked(opened(n_startup_trials=6), 12)
    assert [one.proposed_by for one in proposals[:6]] == ["first"] * 3 + ["random"] * 3
    assert {one.proposed_by for one in proposals[7:]} == {"tpe"}


PLAIN = {
    "loss/temperature": {"real": [0.02, 0.2], "log": True},
    "optim/learning_rate": {"real": [1e-4, 1e-2], "log": True},
}


def test_a_gaussian_process_takes_over_after_the_start(opened):
    settings = {"sampler": "gp", "asha": {"enabled": False}, "always_try": "infonce"}
    proposals = asked(opened(n_startup_trials=4, space=PLAIN, **settings), 7)
    by = [one.proposed_by for one in proposals]
    assert by == ["first"] * 3 + ["random"] + ["gp"] * 3
    again = asked(opened("b", n_startup_trials=4, space=PLAIN, **settings), 7)
    assert [one.values for one in again] == [one.values for one in proposals]


def test_another_seed_asks_otherwise(opened):
    first, other = (asked(opened(str(seed), seed=seed), 5)[3:] for seed in (0, 1))
    assert [one.values for one in first] != [one.values for one in other]


def test_a_note_or_report_about_an_unknown_trial_is_ignored(opened):
    trial_store = opened()
    trial_store.note("t0099", "error", "x")
    trial_store.report("t0099", 1, 0.5)
    assert trial_store.trials() == []
