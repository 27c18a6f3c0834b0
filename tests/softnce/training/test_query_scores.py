"""The test split is read by a confirmation's run, and by nothing else."""

import numpy as np
import pytest
import torch

from softnce.checkpoints.retention import checkpoints, remove
from softnce.config.file import validated
from softnce.data.pairs import read_pairs
from softnce.errors import RunError
from softnce.inputs.prepare import prepare
from softnce.inputs.prepared import Prepared
from softnce.training.loop import epochs
from softnce.training.query_scores import leave_query_scores
from softnce.training.scoring import evaluate

CPU = torch.device("cpu")


@pytest.fixture
def read(monkeypatch):
    """Names of all tables and answers that are read."""
    names = []
    for method in ("table", "answers"):
        whole = getattr(Prepared, method)

        def spied(self, name, whole=whole):
            names.append(name)
            return whole(self, name)

        monkeypatch.setattr(Prepared, method, spied)
    return names


@pytest.fixture
def trained(made_pairs, tmp_path, read):  # noqa: ARG001  (spied from the first)
    """A run of two epochs, with all that it has read."""
    settings = {
        "data": {"path": str(made_pairs)},
        "encoder": {"vocabulary": 600, "dimensions": 32},
        "optim": {"epochs": 2, "batch_size": 32, "learning_rate": 0.01},
    }
    config = validated(settings)
    prepared = prepare(config, read_pairs(made_pairs), tmp_path / "cache", tell=lambda _: None)
    reports = list(epochs(config, prepared, tmp_path / "run"))
    return config, prepared, tmp_path / "run", reports


def test_training_and_validation_never_read_the_test_split(trained, read):
    assert len(trained[-1]) == 2
    assert "valid" in read
    assert "test" not in read


def test_a_run_is_scored_with_its_best_epoch(trained, read):
    config, prepared, folder, reports = trained
    means = leave_query_scores(config, prepared, folder, ("valid", "test"), device=CPU)
    assert means["valid_mrr"] == pytest.approx(reports[-1]["objective"])
    assert "test" in read
    for split in ("valid", "test"):
        assert np.load(folder / f"{split}.npy").mean() == pytest.approx(means[f"{split}_mrr"])
        assert len(np.load(folder / f"{split}.npy")) == len(prepared.answers(split))
    untrained = prepared.encoder(config.encoder, seed=config.optim.seed)
    assert means["test_mrr"] > evaluate(untrained, prepared, split="test")["mrr"]


def test_a_run_whose_checkpoint_is_gone_says_so(trained):
    config, prepared, folder, _ = trained
    remove(checkpoints(folder))
    with pytest.raises(RunError, match="the checkpoint of the best epoch is missing or damaged"):
        leave_query_scores(config, prepared, folder, ("test",), device=CPU)
