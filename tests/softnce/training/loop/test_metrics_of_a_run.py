"""What a run reports: its objective and best epoch, the spread of weights, its schedule."""

from dataclasses import replace

import pytest
import torch

from softnce.checkpoints.checkpoint import load_weights
from softnce.checkpoints.manifest import best_checkpoint
from softnce.config.config import Config
from softnce.config.file import with_overrides
from softnce.inputs.device import device_of
from softnce.inputs.prepare import prepare
from softnce.training.scoring import evaluate
from tests.softnce.training.loop.small_runs import LOSSES, config_with, said, trained


@pytest.mark.parametrize("metric", ["mrr", "recall_at_1"])
def test_the_objective_is_the_best_epoch_and_its_weights_are_kept(prepared, tmp_path, metric):
    config = config_with(optim__epochs=6, optim__learning_rate=0.3, search__metric=metric)
    reports = trained(config, prepared, tmp_path)
    values = [report[metric] for report in reports]
    for count, report in enumerate(reports, start=1):
        assert report["objective"] == max(values[:count])
        assert report["best_epoch"] == values.index(max(values[:count])) + 1
    encoder = prepared.encoder(config.encoder, seed=0)
    encoder.model.load_state_dict(load_weights(best_checkpoint(tmp_path)))
    assert evaluate(encoder, prepared, split="valid")[metric] == max(values)


def test_infonce_has_no_spread_and_soft_infonce_has(prepared, tmp_path):
    spreads = {
        name: trained(
            with_overrides(config_with(optim__epochs=1), LOSSES[name]), prepared, tmp_path / name
        )[0]["weight_spread"]
        for name in LOSSES
    }
    assert spreads.pop("infonce") == 0
    assert all(spread > 0.01 for spread in spreads.values())


def test_alpha_zero_is_infonce(prepared, tmp_path):
    one, other = (
        trained(
            with_overrides(config_with(optim__epochs=2), LOSSES[name] | {"weights/alpha": 0}),
            prepared,
            tmp_path / name,
        )
        for name in ("infonce", "bm25")
    )
    assert [report["loss"] for report in one] == pytest.approx([r["loss"] for r in other], abs=1e-5)


def test_rows_left_over_sit_out_and_every_batch_is_full(prepared, tmp_path):
    config = config_with(optim__epochs=1)
    (report,) = trained(config, prepared, tmp_path)
    assert prepared.train % 32 != 0
    assert report["steps"] == prepared.train // 32


def test_a_run_of_one_step_trains(prepared, tmp_path):
    config = config_with(optim__epochs=1, optim__max_steps=1)
    before = prepared.encoder(config.encoder, seed=config.optim.seed).model.state_dict()
    trained(config, prepared, tmp_path)
    after = load_weights(best_checkpoint(tmp_path))
    assert any(not torch.equal(before[name], after[name]) for name in after)


def test_the_schedule_runs_over_all_epochs(prepared, tmp_path):
    from softnce.training import loop

    config = config_with(optim__epochs=2, optim__warmup_share=0, optim__learning_rate=0.4)
    run = loop._started(config, prepared, tmp_path, loop.Workers(), torch.device("cpu"))
    rates, steps = [], len(loop.loader_of(run).drawn(1))
    for _ in range(2):
        run.history.append(loop._one_epoch(run, loop.loader_of(run), lambda: False))
        rates.append(run.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.4 * (steps + 1) / (2 * steps), 0.4 / (2 * steps)])


def test_a_pretrained_encoder_is_prepared_and_trained_alike(pairs, minilm, tmp_path):
    changes = {"encoder/kind": "transformer", "encoder/model": str(minilm)}
    changes |= {"encoder/max_length": 12, "optim/epochs": 1, "optim/max_steps": 1}
    nested = config_with().model_dump()
    nested["encoder"] |= {"kind": "transformer", "model": str(minilm)}
    changes |= {"optim/batch_size": 8, "optim/learning_rate": 1e-4}
    config = with_overrides(Config.model_validate(nested), changes)
    few = replace(pairs, train=pairs.train[:64], candidates=pairs.candidates)
    made = prepare(config, few, tmp_path / "cache", tell=said)
    assert made.tokenizer == ""
    assert made.table("train_codes").lengths.max() == 12
    first = trained(config, made, tmp_path / "a")
    assert trained(config, made, tmp_path / "b") == first
    assert first[0]["weight_spread"] > 0


@pytest.mark.parametrize("gpus", [0, 1])
def test_a_run_is_where_its_resources_say(gpus):
    wanted = "cuda" if gpus else "cpu"
    assert device_of(config_with(resources__gpus_per_worker=gpus)).type == wanted
