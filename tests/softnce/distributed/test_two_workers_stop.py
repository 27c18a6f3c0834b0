"""Two real processes leave an epoch at the same step, and go on as if nothing had happened."""

import json
import os
import random
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from transformers import BertConfig

from softnce.checkpoints.checkpoint import newest_checkpoint
from softnce.config.config import Config
from softnce.data.pairs import read_pairs
from softnce.inputs.prepare import prepare
from softnce.training import loop
from softnce.training.gather import Workers
from tests.conftest import made_pair
from tests.softnce.distributed.two_workers import run_by_two
from tests.softnce.encoders.test_packing import SHAPE, saved

LOOKS = 2  # at the flag, before worker 0 is told to stop: in the first epoch's middle


def config_of(model: str) -> Config:
    return Config.model_validate(
        {
            "data": {"path": "pairs.jsonl"},
            "encoder": {"kind": "transformer", "model": model, "max_length": 16},
            "loss": {"name": "soft-infonce"},
            "weights": {"estimator": "bm25"},
            "optim": {"epochs": 2, "batch_size": 8, "learning_rate": 1e-3},
            "resources": {"workers": 2},
        }
    )


def told(reports):
    left_out = ("seconds", "step_seconds", "usage", "parameters", "encode_ms", "before")
    return [{k: v for k, v in report.items() if k not in left_out} for report in reports]


def be_a_worker(port: str, folder: Path, rank: int) -> None:
    """Stop in mid-epoch when worker 0 alone is told to, go on, and train it all undisturbed."""
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2, timeout=timedelta(seconds=600))
    config, workers = config_of(str(folder / "model")), Workers(rank, 2)
    pairs = read_pairs(folder / "pairs.jsonl")
    prepared = prepare(config, pairs, folder / f"cache{rank}", tell=lambda _: None)
    looks, steps, descend = [], [], loop._descend

    def counted(*step):
        steps.append(1)
        return descend(*step)

    def should_stop():
        looks.append(1)
        return rank == 0 and len(looks) >= LOOKS

    loop._descend = counted
    first = told(
        loop.epochs(config, prepared, folder / "cut", workers=workers, should_stop=should_stop)
    )
    stopped_at = len(steps)
    rest = told(loop.epochs(config, prepared, folder / "cut", workers=workers))
    whole = told(loop.epochs(config, prepared, folder / "whole", workers=workers))
    found = {"stopped_at": stopped_at, "first": first, "rest": rest, "whole": whole}
    (folder / f"{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What each of two workers did, and their folder."""
    folder, draw = tmp_path_factory.mktemp("stop"), random.Random(1)
    dropout = BertConfig(**SHAPE, hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.3)
    saved(dropout, folder / "model")
    rows = [made_pair(number, draw) for number in range(260)]
    (folder / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    run_by_two(__file__, folder)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)], folder


def test_both_leave_at_the_step_at_which_the_first_was_told(two):
    assert [one["stopped_at"] for one in two[0]] == [LOOKS * loop._STEPS_A_LOOK - 1] * 2


def test_the_epoch_in_flight_is_reported_by_none(two):
    assert [one["first"] for one in two[0]] == [[], []]


def test_a_run_that_was_stopped_ends_bit_for_bit_as_one_that_was_not(two):
    found, folder = two
    assert all(one["rest"] == one["whole"] for one in found)
    assert found[0]["whole"] == found[1]["whole"]
    cut, whole = (newest_checkpoint(folder / name).model for name in ("cut", "whole"))
    assert all(torch.equal(cut[name], whole[name]) for name in whole)


if __name__ == "__main__":
    be_a_worker(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
