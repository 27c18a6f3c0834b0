"""What the benchmarks on evidence train: small static encoders, through softnce's own loop."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softnce.checkpoints.checkpoint import load_weights
from softnce.checkpoints.retention import epoch_name
from softnce.config.config import Config
from softnce.config.file import validated, with_overrides
from softnce.data.pairs import PairSet
from softnce.inputs.prepare import prepare
from softnce.inputs.prepared import Prepared
from softnce.training.loop import epochs
from softnce.training.scoring import reciprocal_ranks

Settings = Mapping[str, Any]  # changes of the configuration, by path


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training run is judged by.

    Attributes:
        valid: best validation MRR over epochs, 0 to 1.
        test: (q,) reciprocal rank of each test query, by the weights of that epoch.
    """

    valid: float
    test: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bench:
    """A configuration and its inputs, ready to be trained many times.

    Attributes:
        config: that settings change.
        prepared: its inputs, in a cache that outlives the bench.
    """

    config: Config
    prepared: Prepared

    def train(self, task: tuple[Settings, int]) -> Trained:
        """Train with these settings and this seed."""
        settings, seed = task
        config = with_overrides(self.config, {**settings, "optim/seed": seed})
        with tempfile.TemporaryDirectory() as folder:
            report = list(epochs(config, self.prepared, Path(folder)))[-1]
            weights = load_weights(Path(folder) / epoch_name(report["best_epoch"]))
        encoder = self.prepared.encoder(config.encoder, seed=seed)
        encoder.load_weights(weights)
        return Trained(report["objective"], reciprocal_ranks(encoder, self.prepared, "test"))

    def train_all(self, tasks: Sequence[tuple[Settings, int]]) -> list[Trained]:
        """Train each of the tasks, two at a time, each on one core."""
        return list(_pool().map(self.train, tasks))


def bench(pairs: PairSet, source: Path, cache: Path, changes: Settings) -> Bench:
    """Prepare a small static encoder on these pairs; changes are of its configuration."""
    plain = validated(
        {
            "data": {"path": str(source)},
            "encoder": {"kind": "static", "dimensions": 64, "vocabulary": 4000},
            "optim": {"epochs": 3, "batch_size": 128, "learning_rate": 0.02},
            "loss": {"temperature": 0.1},
        }
    )
    config = with_overrides(plain, changes)
    prepared = prepare(config, pairs, cache, tell=lambda _: None, models=["duplicates"])
    return Bench(config, prepared)


@cache
def _pool() -> ProcessPoolExecutor:
    """Start two processes that stay: each takes seconds to import torch."""
    return ProcessPoolExecutor(2, get_context("spawn"), _one_thread)


def _one_thread() -> None:
    import torch

    os.environ["HF_HUB_OFFLINE"] = "1"
    torch.set_num_threads(1)
