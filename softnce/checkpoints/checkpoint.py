"""Checkpoints that are whole or absent: safetensors and a JSON manifest with digests, no pickle.

A checkpoint is a folder ``epoch-0003`` that appears by one rename. The newest, the one before and
the best are kept; a torn or altered one is passed over for the one before.
"""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from softnce.checkpoints.manifest import (
    MANIFEST,
    TENSORS,
    file_digest,
    progress_digest,
    verified_progress,
)
from softnce.checkpoints.retention import checkpoints, epoch_name, needless_to_go_on, remove


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything a run needs to go on after an epoch.

    Attributes:
        progress: epoch, best epoch and the history of metrics; plain JSON.
        model: weights of the encoder.
        optimizer: state of the optimizer, by ``parameter.name``.
        random: states of the random generators.
    """

    progress: dict[str, Any]
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    random: dict[str, Tensor]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write ``epoch-NNNN`` under a folder, durably and atomically, and drop what is not needed.

    Raises:
        OSError: the disk is full or read-only; the former checkpoints are intact.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / epoch_name(checkpoint.progress["epoch"])
    building = Path(tempfile.mkdtemp(prefix=".building-", dir=folder))
    try:
        digests = {}
        for part in TENSORS:
            path = building / f"{part}.safetensors"
            save_file(_apart(getattr(checkpoint, part)), path)
            digests[path.name] = file_digest(path)
        digests["progress"] = progress_digest(checkpoint.progress)
        manifest = {"progress": checkpoint.progress, "sha256": digests}
        (building / MANIFEST).write_text(json.dumps(manifest, indent=1))
        _flush(building)
        shutil.rmtree(target, ignore_errors=True)
        building.rename(target)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    epoch, best = checkpoint.progress["epoch"], checkpoint.progress["best_epoch"]
    remove(needless_to_go_on(folder, epoch=epoch, best=best))
    return target


def newest_checkpoint(folder: Path) -> Checkpoint | None:
    """Load the newest checkpoint that is intact, or None."""
    for path in reversed(checkpoints(folder)):
        progress = verified_progress(path)
        files = {part: path / f"{part}.safetensors" for part in TENSORS}
        if progress is not None and all(file.exists() for file in files.values()):
            return Checkpoint(progress, **{part: load_file(file) for part, file in files.items()})
    return None


def load_weights(checkpoint: Path) -> dict[str, Tensor]:
    """Return the encoder's weights of a checkpoint folder."""
    weights: dict[str, Tensor] = load_file(checkpoint / "model.safetensors")
    return weights


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Flatten an optimizer's state to ``parameter.name`` tensors."""
    state = optimizer.state_dict()["state"]
    return {
        f"{parameter}.{name}": torch.as_tensor(value)
        for parameter, values in state.items()
        for name, value in values.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put tensors of optimizer_tensors back."""
    whole = optimizer.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        parameter, name = key.split(".", 1)
        state.setdefault(int(parameter), {})[name] = tensor
    optimizer.load_state_dict({**whole, "state": state})


def random_states() -> dict[str, Tensor]:
    """Return the states of torch's random generators."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def restore_random(states: dict[str, Tensor]) -> None:
    """Put the states of random_states back."""
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors that share no memory, as tied weights do, which the format refuses."""
    seen: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        apart[name] = tensor.clone() if place in seen else tensor.contiguous()
        seen.add(place)
    return apart


def _flush(folder: Path) -> None:
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
