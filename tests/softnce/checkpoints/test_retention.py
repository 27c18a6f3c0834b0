"""What one run keeps of its checkpoints, told by names alone; one module knows them."""

from pathlib import Path

import pytest

from softnce.checkpoints import retention
from softnce.checkpoints.retention import (
    OPTIMIZER,
    checkpoints,
    epoch_name,
    epochs_done,
    needless_to_encode,
    needless_to_go_on,
    needless_to_use,
    remove,
)

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path):
    """Five epochs, and one that was torn while it was written."""
    for epoch in range(1, 6):
        path = tmp_path / epoch_name(epoch)
        path.mkdir()
        for name in ("model.safetensors", OPTIMIZER):
            (path / name).touch()
    (tmp_path / ".building-x").mkdir()
    return tmp_path


def left(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("best", "whole", "bare"),
    [(5, [4, 5], []), (4, [4, 5], []), (3, [4, 5], [3]), (1, [4, 5], [1])],
)
def test_a_run_that_goes_on_keeps_the_two_newest_and_the_best(folder, best, whole, bare):
    remove(needless_to_go_on(folder, epoch=5, best=best))
    wanted = [
        f"{epoch_name(one)}/{name}" for one in whole for name in ("model.safetensors", OPTIMIZER)
    ]
    wanted += [f"{epoch_name(one)}/model.safetensors" for one in bare]
    assert left(folder) == sorted(wanted)
    assert not list(folder.glob(".building-*"))
    assert epochs_done(folder) == 5


def test_a_run_that_is_complete_keeps_its_best_weights_alone(folder):
    remove(needless_to_use(folder / epoch_name(2)))
    assert left(folder) == [f"{epoch_name(2)}/model.safetensors"]


@pytest.mark.parametrize("best", [3, 5])
def test_a_frozen_model_keeps_the_weights_of_its_best_and_its_last_epoch(folder, best):
    remove(needless_to_encode(folder / epoch_name(best)))
    assert left(folder) == [f"{epoch_name(one)}/model.safetensors" for one in sorted({best, 5})]
    assert needless_to_encode(folder / epoch_name(best)) == []


def test_a_run_that_has_lost_keeps_none(folder):
    remove(checkpoints(folder))
    remove(checkpoints(folder))
    assert left(folder) == []
    assert epochs_done(folder) == 0


def test_no_other_module_looks_for_checkpoints_by_their_names():
    rooms = ("softnce", "tune_spaces", "cluster")
    files = [path for room in rooms for path in ROOT.glob(f"{room}/**/*.py")]
    looking = [path for path in files if '"epoch-' in path.read_text(encoding="utf-8")]
    assert looking == [Path(retention.__file__)]
