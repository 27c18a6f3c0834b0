"""What cannot be confirmed is refused in one line, before anything is written."""

import os

import pytest

from softnce.__main__ import _code
from softnce.config.file import validated
from tune_spaces.space.first_points import first_points
from tune_spaces.space.space import search_space
from tune_spaces.study.fingerprint import require_same
from tune_spaces.study.folder import StudyFolder
from tune_spaces.study.lock.study_lock import held
from tune_spaces.study.sizes import Sizes, store_sizes
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.trial_state import TrialState

SPACE = {"optim/learning_rate": {"real": [0.001, 0.01]}}


@pytest.fixture
def made(tmp_path):
    """Make a study of some trials that have ended, without weights."""

    def maker(values=(0.3, 0.4, 0.5, 0.45, 0.44), *, test=100, is_exported=True):
        config = validated({"data": {"path": "gone.jsonl"}, "search": {"space": SPACE}})
        folder = StudyFolder(tmp_path / "mine", "mine")
        require_same(folder, config, "abc")
        store_sizes(
            folder.root,
            Sizes(valid=100, test=test, candidates=200),
        )
        space = search_space(config)
        trial_store = TrialStore(folder.optuna_study(), space)
        trial_store.enqueue_once(first_points(space, "paper", 1))
        for value in values:
            proposal = trial_store.ask()
            trial_store.report(proposal.key, 1, value)
            state = TrialState.FAILED if value is None else TrialState.COMPLETE
            trial_store.tell(proposal.key, state, value)
        if is_exported:
            folder.champion.mkdir()
            (folder.champion / "config.yaml").touch()
            folder.champion_marker.write_text("t0002")
        return folder

    return maker


def refused(folder, capsys, *options):
    before = contents(folder.root)
    code = _code(["confirm", str(folder.root), *options], debug=False)
    assert contents(folder.root) == before
    said = capsys.readouterr()
    assert len(said.err.strip().splitlines()) == 1
    return code, said.err


def contents(root):
    found = (path for path in root.rglob("*") if path.is_file() and "optuna" not in path.name)
    return {path: path.stat().st_mtime_ns for path in found}


@pytest.mark.parametrize("test", [0, 49])
def test_a_study_with_too_few_test_queries(made, capsys, test):
    code, said = refused(made(test=test), capsys)
    assert code == 2
    assert f"gone.jsonl: {test} test queries among 200 candidates are fewer than the 50" in said
    assert "hold out more pairs" in said


def test_a_study_in_which_no_other_loss_has_completed(made, capsys):
    code, said = refused(made(values=(0.3, 0.4)), capsys)
    assert code == 2
    assert "no trial of a loss other than InfoNCE has completed, so there is nothing" in said


def test_a_study_without_a_trial(made, capsys):
    code, said = refused(made(values=()), capsys)
    assert code == 2
    assert "no trial of InfoNCE has completed" in said


def test_a_champion_whose_checkpoint_is_gone(made, capsys):
    code, said = refused(made(is_exported=False), capsys)
    assert code == 1
    assert "trials/t0002: the champion's checkpoint is missing or damaged" in said


def test_a_running_study(made, capsys):
    folder = made()
    with held(folder.stored_study()):
        code, said = refused(folder, capsys)
    assert code == 3
    assert f"process {os.getpid()}" in said


def test_no_study_at_all(tmp_path, capsys):
    assert _code(["confirm", str(tmp_path / "none")], debug=False) == 2
    assert "none: neither a study's folder nor the name" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--seeds", "1"], ["--candidates", "0"], ["--seeds", "x"]])
def test_options_out_of_range(made, capsys, options):
    code, said = refused(made(), capsys, *options)
    assert code == 2
    assert options[0] in said


def test_a_budget_that_is_no_duration(made, capsys):
    code, said = refused(made(), capsys, "--time-budget", "soon")
    assert code == 2
    assert "--time-budget soon: not a duration" in said
