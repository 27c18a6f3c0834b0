import json
from dataclasses import replace

import pytest
import torch

from softnce.checkpoints import checkpoint
from softnce.checkpoints.checkpoint import (
    Checkpoint,
    load_weights,
    newest_checkpoint,
    optimizer_tensors,
    random_states,
    restore_optimizer,
    restore_random,
    save_checkpoint,
)
from softnce.checkpoints.manifest import best_checkpoint, keep_weights_only, verified_progress

PARTS = ["model.safetensors", "optimizer.safetensors", "random.safetensors", "manifest.json"]


def made(epoch, best_epoch):
    return Checkpoint(
        progress={"epoch": epoch, "best_epoch": best_epoch, "history": [{"mrr": 0.1 * epoch}]},
        model={"weight": torch.full((2, 3), float(epoch))},
        optimizer={"0.exp_avg": torch.full((2, 3), 0.5), "0.step": torch.tensor(float(epoch))},
        random=random_states(),
    )


@pytest.fixture
def fill(tmp_path):
    """Save epochs 1 to n, the best one given, and return the folder."""

    def filled(epochs, best):
        for epoch in range(1, epochs + 1):
            save_checkpoint(tmp_path, made(epoch, min(best, epoch)))
        return tmp_path

    return filled


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_checkpoint_comes_back_whole(tmp_path):
    saved = made(1, 1)
    save_checkpoint(tmp_path, saved)
    found = newest_checkpoint(tmp_path)
    assert found.progress == saved.progress
    for part in ("model", "optimizer", "random"):
        ours, theirs = getattr(found, part), getattr(saved, part)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_an_empty_or_missing_folder_holds_none(tmp_path):
    assert newest_checkpoint(tmp_path) is None
    assert newest_checkpoint(tmp_path / "nowhere") is None
    assert best_checkpoint(tmp_path) is None


def test_the_newest_the_one_before_and_the_best_are_kept(fill):
    assert names(fill(6, best=2)) == ["epoch-0002", "epoch-0005", "epoch-0006"]


def test_of_an_older_best_only_what_a_champion_needs_is_kept(fill):
    folder = fill(6, best=2)
    assert not (folder / "epoch-0002" / "optimizer.safetensors").exists()
    assert best_checkpoint(folder) == folder / "epoch-0002"
    assert load_weights(best_checkpoint(folder))["weight"][0, 0] == 2


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(fill, name, damage):
    path = fill(3, best=3) / "epoch-0003" / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        changed = content[:-7] + bytes([content[-7] ^ 1]) + content[-6:]
        path.write_bytes(content[:-9] if damage == "cut" else changed)
    assert newest_checkpoint(path.parent.parent).progress["epoch"] == 2


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"sha256": {}, "progress": {"epoch": 3}}', "null", ""]
)
def test_a_manifest_that_says_nothing_is_no_checkpoint(fill, text):
    folder = fill(3, best=1)
    (folder / "epoch-0003" / "manifest.json").write_text(text)
    assert newest_checkpoint(folder).progress["epoch"] == 2


def test_a_file_that_the_manifest_does_not_vouch_for_is_not_loaded(fill):
    path = fill(3, best=3) / "epoch-0003" / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["sha256"]["optimizer.safetensors"]
    path.write_text(json.dumps(manifest))
    assert newest_checkpoint(path.parent.parent).progress["epoch"] == 2


@pytest.mark.parametrize(
    "edited",
    [
        {"epoch": 3, "best_epoch": 3, "history": [{"mrr": 0.999}]},
        {"epoch": 7, "best_epoch": 3, "history": [{"mrr": 0.3}]},
        {"epoch": 3, "best_epoch": 3, "history": []},
        {"epoch": 3, "history": [{"mrr": 0.3}]},
        {},
    ],
)
def test_a_progress_that_was_edited_is_passed_over(fill, edited):
    path = fill(3, best=3) / "epoch-0003" / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "progress": edited}))
    assert newest_checkpoint(path.parent.parent).progress["epoch"] == 2


def test_a_checkpoint_under_another_epochs_name_is_passed_over(fill):
    folder = fill(3, best=3)
    (folder / "epoch-0003").rename(folder / "epoch-0009")
    assert newest_checkpoint(folder).progress["epoch"] == 2


def test_tied_weights_are_saved_and_come_back(tmp_path):
    tied = torch.arange(6.0).view(2, 3)
    saved = replace(made(1, 1), model={"inner": tied, "outer": tied, "half": tied[0]})
    save_checkpoint(tmp_path, saved)
    found = newest_checkpoint(tmp_path).model
    assert all(torch.equal(found[name], saved.model[name]) for name in saved.model)


def test_a_damaged_best_is_not_exported(fill):
    folder = fill(4, best=2)
    (folder / "epoch-0002" / "model.safetensors").write_bytes(b"")
    assert best_checkpoint(folder) is None


def test_a_crash_while_writing_leaves_the_former_ones(fill, monkeypatch):
    folder = fill(2, best=1)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "_flush", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(folder, made(3, 1))
    assert names(folder) == ["epoch-0001", "epoch-0002"]
    assert newest_checkpoint(folder).progress["epoch"] == 2


def test_what_a_killed_process_was_building_is_swept(fill):
    folder = fill(1, best=1)
    (folder / ".building-x").mkdir()
    save_checkpoint(folder, made(2, 1))
    assert names(folder) == ["epoch-0001", "epoch-0002"]


def test_an_epoch_can_be_written_again(fill):
    folder = fill(2, best=2)
    save_checkpoint(folder, made(2, 1))
    assert newest_checkpoint(folder).progress["best_epoch"] == 1


@pytest.mark.parametrize("best", [1, 4, 5])
def test_of_an_ended_run_the_best_weights_remain(fill, best):
    folder = fill(5, best=best)
    keep_weights_only(folder)
    assert names(folder) == [f"epoch-{best:04d}"]
    assert best_checkpoint(folder) is not None
    assert not (folder / f"epoch-{best:04d}" / "optimizer.safetensors").exists()


def test_nothing_is_freed_when_the_best_is_damaged(fill):
    folder = fill(4, best=2)
    (folder / "epoch-0002" / "model.safetensors").write_bytes(b"")
    keep_weights_only(folder)
    assert names(folder) == ["epoch-0002", "epoch-0003", "epoch-0004"]


def test_the_progress_of_a_folder_that_is_no_checkpoint_is_none(tmp_path):
    assert verified_progress(tmp_path) is None


def test_no_pickle_is_written(fill):
    files = [path for path in fill(2, best=1).rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".safetensors", ".json"}


def stepped(model, optimizer, times):
    for _ in range(times):
        optimizer.zero_grad()
        model(torch.ones(1, 3)).square().sum().backward()
        optimizer.step()


def test_an_optimizer_goes_on_bit_for_bit(tmp_path):
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    stepped(model, optimizer, 3)
    saved = Checkpoint(
        {"epoch": 1, "best_epoch": 1}, dict(model.state_dict()), optimizer_tensors(optimizer), {}
    )
    save_checkpoint(tmp_path, saved)
    stepped(model, optimizer, 3)

    stored = newest_checkpoint(tmp_path)
    again = torch.nn.Linear(3, 2)
    again.load_state_dict(stored.model)
    other = torch.optim.AdamW(again.parameters(), lr=0.1)
    restore_optimizer(other, stored.optimizer)
    stepped(again, other, 3)
    assert torch.equal(again.weight, model.weight)
    assert torch.equal(again.bias, model.bias)


def test_random_draws_go_on_where_they_were():
    states = random_states()
    first = torch.rand(3)
    restore_random(states)
    assert torch.equal(torch.rand(3), first)
