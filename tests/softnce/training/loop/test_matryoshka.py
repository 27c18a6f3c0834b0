"""Losses of vectors cut to several sizes, summed."""

import pytest
import torch

from softnce.config.file import with_overrides
from softnce.errors import ConfigError
from softnce.inputs.prepare import prepare
from softnce.losses.infonce import info_nce, similarity
from softnce.training.gather import Workers
from softnce.training.step import Batch, Objective
from tests.softnce.training.loop.small_runs import config_with, said, trained

SIZES = {"loss/matryoshka": [8, 3]}


def objective(config):
    return Objective("cosine", config.loss, config.weights, Workers())


@pytest.mark.parametrize("loss", ["infonce", "soft-infonce"])
def test_the_loss_is_the_sum_over_all_sizes(loss):
    config = with_overrides(config_with(), {"loss/name": loss, **SIZES})
    torch.manual_seed(0)
    queries, codes = torch.randn(6, 12), torch.randn(6, 12)
    batch = Batch(torch.arange(6).numpy(), None if loss == "infonce" else torch.randn(6, 6))
    answers = torch.arange(6)
    found = objective(config).taken(queries, codes, answers, batch).loss
    alone = objective(with_overrides(config, {"loss/matryoshka": []}))
    parts = [
        alone.taken(queries[:, :size], codes[:, :size], answers, batch).loss for size in (12, 8, 3)
    ]
    torch.testing.assert_close(found, torch.stack(parts).sum())
    if loss == "infonce":
        logits = similarity(queries[:, :3], codes[:, :3], kind="cosine") / config.loss.temperature
        torch.testing.assert_close(parts[2], info_nce(logits, answers))


def test_a_run_with_sizes_has_the_losses_of_all_sizes(prepared, tmp_path):
    config = with_overrides(config_with(), {"optim/epochs": 1, "loss/matryoshka": [4]})
    plain = with_overrides(config, {"loss/matryoshka": []})
    cut = trained(config, prepared, tmp_path / "cut")[-1]
    whole = trained(plain, prepared, tmp_path / "whole")[-1]
    assert cut["loss"] > whole["loss"]


def test_a_size_that_is_no_cut_is_refused(pairs, tmp_path):
    config = with_overrides(config_with(), {"loss/matryoshka": [16]})
    with pytest.raises(ConfigError, match=r"loss\.matryoshka: 16 is not below the 16 dimensions"):
        prepare(config, pairs, tmp_path, tell=said)
