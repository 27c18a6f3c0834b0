"""Fine-tune the real MiniLM with each loss at five paired seeds, and test on foreign sets.

Run ``python benchmarks/gpu_prepare.py FOLDER`` on any machine, then ``python
benchmarks/gpu_minilm.py FOLDER`` on one with a GPU (two minutes). Every loss trains on the mined
pairs, the same batches from the same weights at the same seeds, several processes on the one GPU.
The teacher is InfoNCE at a seed of its own. Each run leaves the reciprocal rank of every test
query: of the mined set, and of CoSQA and CodeSearchNet Python (a sample) where they are at hand.
Printed are, per set, the verdict that ``softnce confirm`` would give of each loss against InfoNCE
(all of them at once, by Holm), the spread over seeds, and what two runs of one seed differ by,
with ``optim.deterministic`` and without. With ``OUT`` set, the tables (loss, seed, query) are kept
there. Without a GPU the same script runs a toy size, which proves that it runs.
"""

import json
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # processes share the cores

import numpy as np
import torch
from common import silent
from gpu_runs import DEVICE, HAS_GPU, keep, say
from numpy.typing import NDArray

from softnce.checkpoints.checkpoint import newest_checkpoint
from softnce.config.config import Config
from softnce.config.file import validated, with_overrides
from softnce.encoders.encoder import Encoder
from softnce.evidence.holm import holm
from softnce.evidence.paired import paired_gain
from softnce.evidence.verdict import Findings, verdict
from softnce.inputs.prepared import Prepared
from softnce.inputs.validation_sample import SampleSize
from softnce.ragged import save_arrays
from softnce.training import loop
from softnce.training.scoring import reciprocal_ranks

SEEDS, AT_ONCE = (5, 9) if HAS_GPU else (2, 2)
TEACHERS_SEED = 99
PAPER = {"loss/name": "soft-infonce", "weights/alpha": 1.3, "weights/beta": 0.7}
LOSSES: dict[str, dict[str, Any]] = {
    "infonce": {},
    "bm25": PAPER | {"weights/estimator": "bm25", "weights/temperature": 1.0},
    "teacher": PAPER | {"weights/estimator": "teacher", "weights/temperature": 0.3},
    "self": PAPER | {"weights/estimator": "self", "weights/temperature": 0.3},
    "duplicates": {"loss/name": "soft-infonce", "weights/estimator": "duplicates"},
}
AGAIN = {"again": {}, "free": {"optim/deterministic": False}}
REPEATS = [("again", 0), ("free", 0), ("free", 0)]
Runs = dict[tuple[str, int, int], dict[str, NDArray[Any]]]


def trained(config: Config, prepared: Prepared, folder: Path) -> Encoder:
    """Train to the end and return the encoder."""
    for _ in loop.epochs(config, prepared, folder, device=DEVICE):
        pass
    encoder = prepared.encoder(config.encoder, seed=config.optim.seed)
    stored = newest_checkpoint(folder)
    assert stored is not None
    encoder.load_weights(stored.model)
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


def ranked(
    config: Config, prepared: dict[str, Prepared], folder: Path
) -> tuple[dict[str, NDArray[Any]], float]:
    """Train one configuration and return the reciprocal ranks of each set, and the seconds."""
    silent()
    torch.set_num_threads(1)
    began = time.perf_counter()
    encoder = trained(config, prepared["mined"], folder)
    found = {name: reciprocal_ranks(encoder, one, "test") for name, one in prepared.items()}
    return found, time.perf_counter() - began


def settings(folder: Path) -> Config:
    """Return plain InfoNCE for MiniLM on the mined pairs."""
    optim: dict[str, Any] = {
        "epochs": 1,
        "batch_size": 128 if HAS_GPU else 16,
        "learning_rate": 5e-5,
        "precision": "bf16" if HAS_GPU else "fp32",
        "cuda_graphs": "auto",
    }
    if not HAS_GPU:
        optim["max_steps"] = 2
    return validated(
        {
            "data": {"path": str(folder / "mined")},
            "encoder": {"kind": "transformer", "model": str(folder / "minilm")},
            "loss": {"name": "infonce"},
            "optim": optim,
        }
    )


def prepared_sets(folder: Path) -> dict[str, Prepared]:
    """Open the mined set, and the others where they are at hand and the machine is fast."""
    found = {}
    for name, fields in json.loads((folder / "minilm.json").read_text()).items():
        sizes = fields.pop("validated_on")
        whole = fields | {"cache": str(folder / "cache")}
        if HAS_GPU or name == "mined":
            found[name] = Prepared(**whole, validated_on=sizes and SampleSize(**sizes))
    return found


def all_runs(config: Config, prepared: dict[str, Prepared], scratch: Path) -> Runs:
    """Train every loss at every seed, and one seed again; what fails is told and left out."""
    tasks = [(name, seed) for seed in range(SEEDS) for name in LOSSES] + REPEATS
    found: Runs = {}
    context = torch.multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(AT_ONCE, mp_context=context) as pool:
        waiting = {}
        for number, (name, seed) in enumerate(tasks):
            changes = {"optim/seed": seed} | (LOSSES | AGAIN)[name]
            run = with_overrides(config, changes)
            waiting[pool.submit(ranked, run, prepared, scratch / str(number))] = (
                name,
                seed,
                number,
            )
        for done in as_completed(waiting):
            key = waiting[done]
            try:
                found[key], seconds = done.result()
            except Exception as error:  # noqa: BLE001  (the others go on)
                say(f"{key}: {type(error).__name__}: {str(error)[:300]}")
                continue
            means = {kind: round(float(one.mean()), 4) for kind, one in found[key].items()}
            say(f"{key[0]}, seed {key[1]}: {means}, {seconds:.0f} s")
            keep({"run": key, "seconds": seconds} | means)
            save(found)
    return found


def save(found: Runs, before: dict[str, NDArray[Any]] | None = None) -> None:
    """Write all tables so far where ``OUT`` is set."""
    if "OUT" not in os.environ:
        return
    tables = {
        f"{'-'.join(map(str, key))}/{kind}": one.astype(np.float32)
        for key, runs in found.items()
        for kind, one in runs.items()
    }
    tables |= {f"before/{kind}": one for kind, one in (before or {}).items()}
    np.savez(Path(os.environ["OUT"]) / "minilm.npz", allow_pickle=False, **tables)


def table(found: Runs, name: str, kind: str) -> NDArray[np.float64]:
    """Return (seeds, queries) reciprocal ranks of a loss on a set."""
    return np.stack([one[kind] for key, one in sorted(found.items()) if key[0] == name])


def told(found: Runs, before: dict[str, NDArray[Any]], pools: dict[str, int]) -> None:
    """Print the verdicts of each set."""
    for kind in before:
        plain = table(found, "infonce", kind)
        means = plain.mean(axis=1)
        say(f"\n{kind}: {plain.shape[1]} test queries among {pools[kind]}")
        say(f"  before training {before[kind].mean():.4f}; InfoNCE {means.mean():.4f}")
        repeated = table(found, "again", kind)[0].mean() - means[0]
        free = table(found, "free", kind).mean(axis=1)
        say(
            f"  sd over seeds {means.std(ddof=1):.5f}; the same seed again {repeated:+.6f}, "
            f"not deterministic {free[1] - free[0]:+.6f}"
        )
        trained_gain = paired_gain(plain - before[kind])
        say(f"  training: {trained_gain.mean:+.4f} ({trained_gain.low:+.4f} to "
            f"{trained_gain.high:+.4f})")  # fmt: skip
        scores = {name: table(found, name, kind) for name in LOSSES}
        gains = holm(
            {name: paired_gain(one - plain) for name, one in scores.items() if name != "infonce"}
        )
        for name, gain in gains.items():
            spread = (scores[name] - plain).mean(axis=1).std(ddof=1)
            said = verdict(
                Findings(name, "InfoNCE", gain, float(scores[name].mean()), float(plain.mean()),
                         pool=pools[kind])
            )  # fmt: skip
            say(f"  {said.sentence} sd of a paired difference {spread:.5f}")
            keep({"set": kind, "loss": name, "gain": gain.mean, "low": gain.low,
                  "high": gain.high, "sd": spread, "word": said.word})  # fmt: skip


def main() -> None:
    silent()
    began = time.perf_counter()
    folder = Path(sys.argv[1])
    config = settings(folder)
    prepared = prepared_sets(folder)
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        encoder = prepared["mined"].encoder(config.encoder, seed=0)
        encoder.model.to(DEVICE)
        before = {kind: reciprocal_ranks(encoder, one, "test") for kind, one in prepared.items()}
        say(f"{prepared['mined'].train} pairs to train on, {time.perf_counter() - began:.0f} s")
        prepared["mined"] = with_teacher(config, prepared["mined"], scratch / "teacher")
        say(f"teacher at {time.perf_counter() - began:.0f} s")
        found = all_runs(config, prepared, scratch)
        save(found, before)
    say(f"all runs at {time.perf_counter() - began:.0f} s")
    told(found, before, {kind: one.candidates for kind, one in prepared.items()})


if __name__ == "__main__":
    main()
