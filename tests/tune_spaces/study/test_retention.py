"""Which trials of a study keep their weights, in a search and when a study is cleaned."""

from pathlib import Path

import pytest
import torch
from rich.console import Console

from softnce.checkpoints.checkpoint import Checkpoint, save_checkpoint
from softnce.config.file import validated
from tune_spaces.clean import needless_of_study
from tune_spaces.space.space import search_space
from tune_spaces.study.context import StudyContext
from tune_spaces.study.folder import StudyFolder
from tune_spaces.study.retention import apply_retention, kept_trials, needless_of_trials
from tune_spaces.study.verdicts.verdict import ResultRow
from tune_spaces.trial_state import TrialState

CONFIG = validated({"data": {"path": "x"}, "search": {"keep_top": 1}})
ENDINGS = [  # key, state, value, role
    ("t0000", TrialState.COMPLETE, 0.5, "infonce"),
    ("t0001", TrialState.COMPLETE, 0.9, "noise"),
    ("t0002", TrialState.COMPLETE, 0.4, "search"),
    ("t0003", TrialState.PRUNED, 0.8, "search"),
    ("t0004", TrialState.FAILED, None, "search"),
    ("t0005", TrialState.INTERRUPTED, 0.3, "search"),
]
TABLE = [
    ResultRow(key, CONFIG, value, state, role, "tpe", "") for key, state, value, role in ENDINGS
]


@pytest.fixture
def context(tmp_path):
    """A study of which every trial has written two epochs, the first of them the better."""
    folder = StudyFolder(tmp_path, "mine")
    one = {"a": torch.zeros(2)}
    for row in TABLE:
        for epoch in (1, 2):
            progress = {"epoch": epoch, "best_epoch": 1, "history": []}
            save_checkpoint(folder.trial(row.key), Checkpoint(progress, one, one, one))
    return StudyContext(CONFIG, folder, search_space(CONFIG), Console(quiet=True))


def left(context):
    """Return the epochs that each trial still has."""
    found = {}
    for path in sorted(context.folder.root.glob("trials/*/epoch-*")):
        found.setdefault(path.parent.name, []).append(path.name)
    return found


def test_the_best_trials_and_the_champion_are_kept():
    assert kept_trials(TABLE, 1) == {"t0001"}
    assert kept_trials(TABLE, 3) == {"t0000", "t0001", "t0002"}
    assert kept_trials(TABLE[3:], 3) == set()


def test_losers_lose_their_weights_and_interrupted_trials_keep_all(context):
    apply_retention(context, TABLE)
    both = ["epoch-0001", "epoch-0002"]
    assert left(context) == {"t0001": both, "t0005": both}


def test_a_trial_that_is_complete_keeps_its_best_weights_alone(context):
    apply_retention(context, TABLE, "t0001")
    assert left(context)["t0001"] == ["epoch-0001"]
    assert not (context.folder.trial("t0001") / "epoch-0001" / "optimizer.safetensors").exists()


def test_what_a_clean_may_free_is_reported_with_its_reason(context):
    context.folder.champion_marker.write_text("t0002")  # exported, and beaten since
    told = {
        (path.relative_to(context.folder.root / "trials").parts[0], reason)
        for path, reason in needless_of_trials(context, TABLE)
    }
    kept = ("a later or better epoch is kept", "optimizer state of a trial that has ended")
    wanted = {(key, reason) for key in ("t0001", "t0002") for reason in kept}
    assert told == wanted | {(key, "weights of a loser") for key in ("t0000", "t0003", "t0004")}


def test_a_kept_trial_whose_best_epoch_is_damaged_is_left_alone(context):
    for path in context.folder.trial("t0001").glob("epoch-*/manifest.json"):
        path.write_text("torn")
    freed = {path for path, _ in needless_of_trials(context, TABLE)}
    assert not any("t0001" in str(path) for path in freed)


def test_a_clean_frees_what_a_trained_frozen_model_does_not_need(tmp_path):
    folder = StudyFolder(tmp_path, "mine")
    folder.optuna_study()
    one = {"a": torch.zeros(2)}
    for model, is_finished in (("teacher", True), ("simcse", False)):
        progress = {"epoch": 1, "best_epoch": 1, "history": [{"finished": is_finished}]}
        save_checkpoint(folder.root / model, Checkpoint(progress, one, one, one))
    study = StudyContext(CONFIG, folder, search_space(CONFIG), Console(quiet=True))
    found = [item.path.relative_to(folder.root) for item in needless_of_study(study)]
    assert found == [Path("teacher/epoch-0001/optimizer.safetensors")]
