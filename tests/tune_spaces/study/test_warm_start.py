"""Trials of another study guide the sampler of a new one; both lie in real sqlite files."""

import optuna
import pytest
from optuna.trial import TrialState as InOptuna
from rich.console import Console

from softnce.config.file import validated
from softnce.errors import ConfigError
from tests.faults import softnce
from tune_spaces.report.importance import importance
from tune_spaces.space.first_points import first_points
from tune_spaces.space.space import search_space
from tune_spaces.study.context import StudyContext
from tune_spaces.study.fingerprint import require_same
from tune_spaces.study.folder import StudyFolder
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.study.verdicts.verdict import champion, rows
from tune_spaces.study.warm_start import known_trials, learn_from
from tune_spaces.trial_state import TrialState

SOFT = {"loss/name": "soft-infonce"}
SPACE = {
    "loss/name": {"choice": ["infonce", "soft-infonce"]},
    "loss/temperature": {"real": [0.02, 0.2], "log": True},
    "weights/alpha": {"real": [0.2, 1.9], "when": SOFT},
}
optuna.logging.set_verbosity(optuna.logging.ERROR)


def made(root, space=None, **search):
    search = {"n_startup_trials": 4, "space": space or SPACE, **search}
    config = validated({"data": {"path": "pairs"}, "search": search})
    folder = StudyFolder(root, root.name)
    require_same(folder, config, "their data" if root.name == "old" else "our data")
    return StudyContext(config, folder, search_space(config), Console(quiet=True))


def begun(context):
    trial_store = TrialStore(context.folder.optuna_study(), context.space)
    trial_store.enqueue_once(first_points(context.space, "infonce", 4321))
    return trial_store


def asked(trial_store, count, value=0.9):
    proposals = []
    for _ in range(count):
        proposals.append(trial_store.ask())
        trial_store.constrain(proposals[-1].key, {"parameters": 900.0})
        trial_store.tell(proposals[-1].key, TrialState.COMPLETE, value)
    return proposals


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A study of infonce, its second seed, six drawn trials and one that was stopped early."""
    context = made(tmp_path_factory.mktemp("studies") / "old")
    trial_store = begun(context)
    asked(trial_store, 8)
    trial_store.tell(trial_store.ask().key, TrialState.PRUNED)
    return context.folder.root


def warmed(context, old, data="our data"):
    trial_store = begun(context)
    known = known_trials(str(old), context)
    return trial_store, learn_from(known, trial_store, context.space, data)


def told_of(context):
    known = context.folder.stored_study().get_trials(states=(InOptuna.COMPLETE,))
    return [one for one in known if "warm_from" in one.user_attrs]


def test_the_sampler_learns_from_them_and_the_study_does_not_count_them(old, tmp_path):
    context = made(tmp_path / "new")
    trial_store, said = warmed(context, old)
    assert said == (  # the second seed of InfoNCE lies outside the space
        "7 of 8 complete trials of old guide the sampler; 1 left out, with settings outside this "
        "study's space; they were measured on other data; none of them is a trial of this study"
    )
    assert len(told_of(context)) == 7
    assert trial_store.trials() == []
    assert trial_store.ended() == 0
    proposals = asked(trial_store, 3, value=0.1)
    assert [one.key for one in proposals[:2]] == ["t0000", "t0001"]
    assert proposals[2].proposed_by == "tpe"  # 7 are more than the 4 random trials
    table = rows(trial_store.trials(), context.space)
    assert len(table) == 3
    assert champion(table).value == 0.1
    assert importance(trial_store.trials()).trials == 2


def test_what_lies_outside_the_new_space_is_left_out_and_counted(old, tmp_path):
    narrow = {**SPACE, "loss/temperature": {"real": [0.19, 0.2]}}
    _, said = warmed(made(tmp_path / "narrow", narrow), old, "their data")
    assert said.startswith("0 of 8 complete trials of old guide the sampler; 8 left out")
    assert "other data" not in said
    alone = {"loss/temperature": SPACE["loss/temperature"]}  # alpha is the configuration's own
    context = made(tmp_path / "alone", alone)
    _, said = warmed(context, old)
    plain = [one for one in told_of(context) if one.params.get("loss/name") == "infonce"]
    assert len(plain) == len(told_of(context)) > 0


def test_the_limits_of_the_new_study_hold_for_them_too(old, tmp_path):
    context = made(tmp_path / "new", max_parameters=500)
    warmed(context, old)
    assert [one.constraints for one in told_of(context)] == [{"max_parameters": 0.8}] * 7


def test_they_are_told_once_and_only_before_the_study_begins(old, tmp_path):
    context = made(tmp_path / "new")
    warmed(context, old)
    _, said = warmed(context, old)  # the first search died before it drew a trial
    assert said.startswith("7 of 8")
    assert len(told_of(context)) == 7
    trial_store, _ = warmed(context, old)
    trial_store.ask()
    _, said = warmed(context, old)
    assert said == "note: the study has begun already, so --warm-from old adds nothing"
    assert len(told_of(context)) == 7


def test_an_interrupted_study_that_was_warmed_asks_what_an_undisturbed_one_asks(old, tmp_path):
    whole = asked(warmed(made(tmp_path / "whole"), old)[0], 5)
    context = made(tmp_path / "cut")
    first = asked(warmed(context, old)[0], 3)
    lost = begun(context).ask()
    again = begun(context)
    assert again.interrupted() == [lost]
    again.tell(lost.key, TrialState.COMPLETE, 0.9)
    assert [*first, lost, *asked(again, 1)] == whole


def test_another_metric_and_the_study_itself_are_refused(old, tmp_path):
    with pytest.raises(ConfigError, match=r"maximises mrr, and this study recall_at_1; set search"):
        known_trials(str(old), made(tmp_path / "new", metric="recall_at_1"))
    itself = made(tmp_path / "itself")
    begun(itself)
    with pytest.raises(ConfigError, match="the study itself; name another study"):
        known_trials(str(tmp_path / "itself"), itself)


def test_a_study_that_is_not_there_is_told_in_one_line(made_pairs, tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text(f"data: {{path: {made_pairs}}}\nsearch: {{trials: 2}}\n")
    said = softnce("search", str(config), "--warm-from", "gone", cwd=tmp_path)
    assert said.returncode == 2
    assert "gone: neither a study's folder nor the name of one" in said.stderr
    assert len(said.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "softnce-studies").exists()
