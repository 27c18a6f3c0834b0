"""What a run leaves for a confirmation: how well its best epoch answers each query."""

import io
from pathlib import Path

import numpy as np
import torch

from softnce.checkpoints.checkpoint import load_weights
from softnce.checkpoints.manifest import best_checkpoint
from softnce.config.config import Config
from softnce.errors import RunError
from softnce.inputs.prepared import Prepared
from softnce.training.scoring import reciprocal_ranks
from softnce.whole_files import write_bytes


def leave_query_scores(
    config: Config,
    prepared: Prepared,
    folder: Path,
    splits: tuple[str, ...],
    *,
    device: torch.device,
) -> dict[str, float]:
    """Rank the queries of each split with a run's best epoch, and store their reciprocal ranks.

    ``SPLIT.npy`` in the run's folder holds (queries,) float64; the ranks are exact, among all
    candidates.

    Args:
        config: of the run.
        prepared: its inputs.
        folder: of its checkpoints; it has done all its epochs.
        splits: valid, test.
        device: where to encode.

    Returns:
        The mean reciprocal rank of each split, as ``SPLIT_mrr``.

    Raises:
        RunError: the checkpoint is gone, or the encoder has diverged.
    """
    checkpoint = best_checkpoint(folder)
    if checkpoint is None:
        raise RunError(f"{folder}: the checkpoint of the best epoch is missing or damaged")
    encoder = prepared.encoder(config.encoder, seed=config.optim.seed)
    encoder.load_weights(load_weights(checkpoint))
    encoder.model.to(device)
    means = {}
    for split in splits:
        found = reciprocal_ranks(encoder, prepared, split)
        content = io.BytesIO()
        np.save(content, found, allow_pickle=False)
        write_bytes(folder / f"{split}.npy", content.getvalue())
        means[f"{split}_mrr"] = float(found.mean())
    return means
