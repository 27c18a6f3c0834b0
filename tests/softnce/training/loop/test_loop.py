"""Training on a small set: repeatable, resumable, stoppable, and refusing NaN."""

import pytest
import torch
from transformers import BertConfig

from softnce.checkpoints.checkpoint import newest_checkpoint
from softnce.config.file import with_overrides
from softnce.data.pairs import read_pairs
from softnce.encoders.static import StaticEncoder
from softnce.errors import RunError
from softnce.inputs.prepare import prepare
from softnce.training.loop import epochs
from tests.softnce.encoders.test_packing import SHAPE, saved
from tests.softnce.training.loop.small_runs import LOSSES, config_with, said, told, trained

# --- training


@pytest.mark.parametrize("loss", LOSSES)
def test_the_same_seed_gives_the_same_metrics_bit_for_bit(prepared, tmp_path, loss):
    config = with_overrides(config_with(), LOSSES[loss])
    first = trained(config, prepared, tmp_path / "a")
    assert trained(config, prepared, tmp_path / "b") == first
    assert [report["epoch"] for report in first] == [1, 2, 3, 4]
    assert [report["finished"] for report in first] == [False, False, False, True]


def test_training_learns(prepared, tmp_path, caplog):
    caplog.set_level("INFO")
    reports = trained(config_with(loss__name="infonce"), prepared, tmp_path)
    assert [f"epoch {n}: loss" in caplog.text for n in range(1, 6)] == [True] * 4 + [False]
    assert reports[-1]["loss"] < reports[0]["loss"]
    assert reports[-1]["mrr"] > 0.3


@pytest.mark.parametrize("path", ["optim__seed", "optim__learning_rate", "loss__temperature"])
def test_another_setting_gives_other_metrics(prepared, tmp_path, path):
    value = {"optim__seed": 5, "optim__learning_rate": 0.02, "loss__temperature": 0.1}[path]
    config = config_with(optim__epochs=1)
    other = config_with(optim__epochs=1, **{path: value})
    first, second = (
        trained(one, prepared, tmp_path / n) for n, one in (("a", config), ("b", other))
    )
    assert first[0]["loss"] != second[0]["loss"]


@pytest.mark.parametrize("done", [1, 3])
@pytest.mark.parametrize("loss", ["infonce", "bm25"])
def test_a_resumed_run_is_bit_equal_to_an_undisturbed_one(prepared, tmp_path, loss, done):
    config = with_overrides(config_with(), LOSSES[loss])
    whole = trained(config, prepared, tmp_path / "whole")
    run = epochs(config, prepared, tmp_path / "cut")
    first = told(next(run) for _ in range(done))
    run.close()
    assert first + trained(config, prepared, tmp_path / "cut") == whole
    ours, theirs = (newest_checkpoint(tmp_path / name).model for name in ("cut", "whole"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("done", [1, 2])
def test_dropout_goes_on_where_it_was(pairs, tmp_path, done):
    dropout = BertConfig(**SHAPE, hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.3)
    changes = {"kind": "transformer", "model": saved(dropout, tmp_path / "model"), "max_length": 16}
    few = {"optim/max_steps": 3, "optim/epochs": 3}
    config = with_overrides(config_with(), {f"encoder/{k}": v for k, v in changes.items()} | few)
    made = prepare(config, pairs, tmp_path / "cache", tell=said)
    whole = trained(config, made, tmp_path / "whole")
    run = epochs(config, made, tmp_path / "cut")
    first = told(next(run) for _ in range(done))
    run.close()
    torch.manual_seed(99)  # as another process would
    assert first + trained(config, made, tmp_path / "cut") == whole
    ours, theirs = (newest_checkpoint(tmp_path / name).model for name in ("cut", "whole"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("loss", ["bm25", "teacher"])
def test_gradient_caching_trains_the_same_encoder(prepared, tmp_path, loss):
    config = with_overrides(config_with(), LOSSES[loss])
    cached = with_overrides(config, {"optim/max_tokens_per_pass": 64})
    plain = trained(config, prepared, tmp_path / "plain")
    for report, other in zip(trained(cached, prepared, tmp_path / "cached"), plain, strict=True):
        assert report["loss"] == pytest.approx(other["loss"], rel=1e-4)
        assert report["mrr"] == pytest.approx(other["mrr"], abs=1e-3)


@pytest.mark.parametrize("done", [1, 3])
def test_only_the_first_report_after_a_resume_tells_the_epochs_before_it(prepared, tmp_path, done):
    run = epochs(config_with(), prepared, tmp_path)
    first = [next(run) for _ in range(done)]
    run.close()
    assert all("before" not in report for report in first)
    rest = list(epochs(config_with(), prepared, tmp_path))
    assert rest[0]["before"] == first
    assert all("before" not in report for report in rest[1:])
    (again,) = epochs(config_with(), prepared, tmp_path)
    assert [report["epoch"] for report in again["before"]] == [1, 2, 3]


def test_a_run_with_a_torn_last_checkpoint_repeats_its_last_epoch(prepared, tmp_path):
    config = config_with()
    whole = trained(config, prepared, tmp_path)
    (tmp_path / "epoch-0004" / "model.safetensors").write_bytes(b"torn")
    assert trained(config, prepared, tmp_path) == whole[-1:]


def test_a_finished_run_reports_its_last_epoch_again_without_training(prepared, tmp_path):
    whole = trained(config_with(), prepared, tmp_path)
    before = (tmp_path / "epoch-0004" / "manifest.json").stat().st_mtime_ns
    assert trained(config_with(), prepared, tmp_path) == whole[-1:]
    assert (tmp_path / "epoch-0004" / "manifest.json").stat().st_mtime_ns == before


def test_an_epoch_may_be_cut_short_for_a_try(prepared, tmp_path):
    (report,) = trained(config_with(optim__epochs=1, optim__max_steps=2), prepared, tmp_path)
    assert report["steps"] == 2


def test_a_run_that_is_told_to_stop_ends_without_a_report(prepared, tmp_path):
    config, looks = config_with(), []

    def after_the_first_epoch():
        looks.append(1)
        return len(looks) > 1

    reports = trained(config, prepared, tmp_path, should_stop=after_the_first_epoch)
    assert [report["epoch"] for report in reports] == [1]
    assert newest_checkpoint(tmp_path).progress["epoch"] == 1
    rest = trained(config, prepared, tmp_path)
    assert reports + rest == trained(config, prepared, tmp_path / "undisturbed")


UNCLAMPED = {"weights__floor": None, "weights__alpha": 20, "weights__temperature": 0.05}


OVERFLOWING = {"loss__name": "infonce", "encoder__similarity": "dot", "loss__temperature": 1e-41}


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        (UNCLAMPED, "give weights.floor a value above 0, lower optim.learning_rate"),
        (OVERFLOWING, "of epoch 1; lower optim.learning_rate"),
    ],
)
def test_a_loss_that_is_no_number_ends_the_run_with_a_way_out(prepared, tmp_path, changes, hint):
    config = config_with(**changes)
    with pytest.raises(RunError, match="loss is not finite at step") as caught:
        trained(config, prepared, tmp_path)
    assert hint in str(caught.value)
    assert newest_checkpoint(tmp_path) is None


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_half_precision_trains_close_to_full(prepared, tmp_path, similarity):
    changes = {"optim__epochs": 1, "encoder__similarity": similarity, "loss__name": "infonce"}
    if similarity == "dot":
        changes["loss__temperature"] = 1.0
    full, half = (
        trained(config_with(**changes, optim__precision=precision), prepared, tmp_path / precision)
        for precision in ("fp32", "bf16")
    )
    assert half[0]["loss"] == pytest.approx(full[0]["loss"], rel=0.05)


# --- real data


def test_real_pairs_are_learned_again_bit_for_bit(real_data, tmp_path):
    config = with_overrides(
        config_with(optim__epochs=1, optim__max_steps=5),
        {"data/path": str(real_data / "csn-python-mini"), "encoder/vocabulary": 2000},
    )
    pairs = read_pairs(real_data / "csn-python-mini")
    made = prepare(config, pairs, tmp_path / "cache", tell=said)
    first = trained(config, made, tmp_path / "a")
    assert trained(config, made, tmp_path / "b") == first
    assert isinstance(made.encoder(config.encoder, seed=0), StaticEncoder)
    assert 0 < first[0]["mrr"] < 1
