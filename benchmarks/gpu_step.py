"""A training step on a GPU: its share of the peak, what estimators add, and ST's trainer beside it.

Run it without arguments: ``python benchmarks/gpu_step.py`` (under ten minutes on one GPU). The
encoder has UniXcoder's size (RoBERTa, 12 layers, 125M parameters) and random weights; the texts are
mined pairs, so that lengths are real; precision is bf16. The steps are softnce's own, loader
included. Every comparison is interleaved: each round runs all candidates on the same batches, and
medians of rounds are printed. Without a GPU the same script runs a toy size, which proves that it
runs and nothing else.

``peak`` is the arithmetic of the real tokens (padding does not count) over the measured rate of a
large bf16 matrix product. sentence-transformers' trainer gets its best settings: bf16, fused AdamW,
four loading workers, MultipleNegativesRankingLoss, flash attention where that is installed. The
last line is JSON.
"""

import gc
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import numpy as np
import torch
from common import mined_pairs, random_roberta, with_vectors
from st_steps import trainer_seconds
from transformers.utils.logging import disable_progress_bar

from softnce.config.file import validated, with_overrides
from softnce.inputs.prepare import prepare
from softnce.inputs.prepared import Prepared
from softnce.training import loop
from softnce.training.gather import Workers
from softnce.training.numerics import attempted, settle

HAS_GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if HAS_GPU else "cpu")
UNIXCODER = {"num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12,
             "intermediate_size": 3072}  # fmt: skip
TOY = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 2,
       "intermediate_size": 128}  # fmt: skip
SHAPE, VOCABULARY = (UNIXCODER, 51_416) if HAS_GPU else (TOY, 2000)
SIZES = (32, 128, 1024) if HAS_GPU else (8, 32)
MOST_PAIRS = 20_000 if HAS_GPU else 1500
ROUNDS, STEPS = (5, 6) if HAS_GPU else (2, 2)
CACHED_TOKENS = 32_768 if HAS_GPU else 1024
ESTIMATORS = ("infonce", "bm25", "simcse", "teacher", "self")
LARGEST = 2**14  # batch tried
PACKED = {"encoder/packing": "auto" if HAS_GPU else "always"}
COMPILED = {"optim/compile": True}
ATTEMPTS: dict[str, dict[str, Any]] = {
    "padded chunks": {"encoder/packing": "never"},
    "padded chunks, compiled": {"encoder/packing": "never"} | COMPILED,
    "packed": PACKED,
    "packed, deterministic": PACKED | {"optim/deterministic": True},
    "packed, cached gradients": PACKED | {"optim/max_tokens_per_pass": CACHED_TOKENS},
    "packed, compiled": PACKED | COMPILED,
    "packed, compiled, deterministic": PACKED | COMPILED | {"optim/deterministic": True},
}
FIRST = "padded chunks"


def wait() -> None:
    """Wait until the device has done all it was given."""
    if HAS_GPU:
        torch.cuda.synchronize()


def matmul_peak() -> float:
    """Return the FLOP/s of a large bf16 matrix product, the best of five."""
    size = 8192 if HAS_GPU else 512
    left, right = torch.randn(2, size, size, device=DEVICE, dtype=torch.bfloat16)
    best = 0.0
    for _ in range(5):
        wait()
        began = time.perf_counter()
        for _ in range(10):
            left @ right
        wait()
        best = max(best, 10 * 2 * size**3 / (time.perf_counter() - began))
    return best


def arithmetic(lengths: np.ndarray) -> float:
    """Return the FLOP of one step over rows of these lengths: forward, and twice that backward."""
    width, inner = SHAPE["hidden_size"], SHAPE["intermediate_size"]
    linear = 2 * (4 * width**2 + 2 * width * inner) * float(lengths.sum())
    attention = 4 * width * float((lengths.astype(np.float64) ** 2).sum())
    return 3 * SHAPE["num_hidden_layers"] * (linear + attention)


class Bench:
    """Runs that share their data and differ in settings."""

    def __init__(self, scratch: Path) -> None:
        pairs, source = mined_pairs(scratch, most=MOST_PAIRS)
        texts = [text for pair in pairs.train for text in (pair.query, pair.code)]
        model = random_roberta(scratch / "model", texts, vocabulary=VOCABULARY, **SHAPE)
        self.scratch, self.pairs, self.model = scratch, pairs, str(model)
        self.best: dict[str, Any] = {}
        self.base = validated(
            {
                "data": {"path": str(source)},
                "encoder": {"kind": "transformer", "model": self.model},
                "loss": {"name": "infonce"},
                "optim": {"learning_rate": 1e-6, "precision": "bf16", "deterministic": False},
            }
        )
        quiet: Callable[[str], None] = lambda _: None  # noqa: E731
        self.prepared: Prepared = with_vectors(
            prepare(self.base, pairs, scratch / "cache", tell=quiet)
        )

    def run(self, changes: dict[str, Any], size: int) -> loop.Run:
        """Start a run of some settings."""
        config = with_overrides(self.base, {"optim/batch_size": size} | self.best | changes)
        torch.manual_seed(config.optim.seed)
        folder = self.scratch / "runs" / str(len(list((self.scratch / "runs").glob("*"))))
        folder.mkdir(parents=True)
        return loop._started(config, self.prepared, folder, Workers(), DEVICE)

    def rows(self, size: int, number: int) -> np.ndarray:
        """Return the rows of a round's batches, drawn with repeats where the data are few."""
        draw = np.random.default_rng(number)
        return np.stack(
            [draw.choice(self.prepared.train, size, replace=size > self.prepared.train)
             for _ in range(STEPS)]
        )  # fmt: skip

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """Return the tokens of all texts of some batches."""
        texts = loop.texts_of(self.prepared)
        flat = rows.reshape(-1)
        return np.concatenate([texts.queries.take(flat).lengths, texts.codes.take(flat).lengths])


def seconds_a_step(run: loop.Run, rows: np.ndarray) -> float:
    """Train on some batches as an epoch does, and return the seconds per step."""
    settle(DEVICE, deterministic=run.config.optim.deterministic)
    batches, texts = loop.loader_of(run), loop.texts_of(run.prepared)
    objective = loop._objective(run)
    wait()
    began = time.perf_counter()
    for batch in batches.prefetched(rows):
        attempted(partial(loop._step, run, objective, texts, batch))
    wait()
    return (time.perf_counter() - began) / len(rows)


def interleaved(
    bench: Bench, size: int, works: dict[str, Callable[[np.ndarray], float]]
) -> dict[str, list[float]]:
    """Run every candidate each round, in turning order; the first round only warms up."""
    times: dict[str, list[float]] = {name: [] for name in works}
    names = list(works)
    for number in range(ROUNDS + 1):
        rows, turn = bench.rows(size, number), number % len(names)
        for name in names[turn:] + names[:turn]:
            seconds = works[name](rows)
            if number:
                times[name].append(seconds)
    return times


def of(bench: Bench, size: int, settings: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the work of each run."""
    runs = {name: bench.run(changes, size) for name, changes in settings.items()}
    return {name: lambda rows, run=run: seconds_a_step(run, rows) for name, run in runs.items()}


def ratio(times: Sequence[float], others: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(times, others, strict=True))


def attempts(bench: Bench) -> dict[str, float]:
    """Compare ways to encode the same batches, and keep the fastest for what follows."""
    found: dict[str, float] = {}
    for size in SIZES[:2]:
        works = of(bench, size, ATTEMPTS)
        times = interleaved(bench, size, works)
        print(f"\nways to run a step at N = {size}, InfoNCE")
        for name, own in times.items():
            share = ratio(own, times[FIRST])
            print(f"  {name:32}{1e3 * statistics.median(own):9.1f} ms{share:8.2f}x of {FIRST}")
            found[f"{name.replace(', ', '_').replace(' ', '_')}_ratio_{size}"] = round(share, 4)
        best = min(times, key=lambda name: statistics.median(times[name]))
        bench.best = ATTEMPTS[best]
        print(f"  fastest: {best}", flush=True)
        del works
        gc.collect()
    return found


def estimators(bench: Bench, peak: float) -> dict[str, float]:
    """Compare estimators with plain InfoNCE, and both with sentence-transformers' trainer."""
    found: dict[str, float] = {}
    settings: dict[str, dict[str, Any]] = {"infonce": {}}
    for name in ESTIMATORS[1:]:
        settings[name] = {"loss/name": "soft-infonce", "weights/estimator": name}
    for size in SIZES:
        works = of(bench, size, settings)
        works["ST trainer"] = lambda rows: trainer_seconds(bench.model, bench.pairs.train, rows)
        times = interleaved(bench, size, works)
        every = np.stack([bench.rows(size, number) for number in range(1, ROUNDS + 1)])
        flop = arithmetic(bench.lengths(every)) / (ROUNDS * STEPS)
        plain = statistics.median(times["infonce"])
        tokens = float(bench.lengths(every).sum()) / (ROUNDS * STEPS)
        print(
            f"\nN = {size}: {tokens:,.0f} tokens per step, {flop / plain / 1e12:.3g} TFLOP/s, "
            f"{100 * flop / plain / peak:.1f} % of the peak",
            flush=True,
        )
        found[f"peak_share_{size}"] = round(flop / plain / peak, 4)
        for name, own in times.items():
            share = ratio(own, times["infonce"])
            print(f"  {name:12}{1e3 * statistics.median(own):9.1f} ms{100 * (share - 1):+8.2f} %")
            word = "st_trainer_ratio" if name == "ST trainer" else f"{name}_step_ratio"
            found[f"{word}_{size}"] = round(share, 4)
        del works
        gc.collect()
    return found


def fits(bench: Bench, size: int, changes: dict[str, Any]) -> float | None:
    """Return the peak memory in GB of a step, or None if it does not fit."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    try:
        run = bench.run(changes, size)
        seconds_a_step(run, bench.rows(size, 0)[:1])
    except torch.OutOfMemoryError:
        return None
    return torch.cuda.max_memory_allocated() / 1e9


def memory(bench: Bench) -> dict[str, float]:
    """Measure memory with and without gradient caching, and the largest batch that fits."""
    found: dict[str, float] = {}
    if not HAS_GPU:
        print("\nmemory: only a GPU tells")
        return found
    for name, changes in {
        "plain": {},
        "cached": {"optim/max_tokens_per_pass": CACHED_TOKENS},
    }.items():
        used = fits(bench, SIZES[-1], changes)
        size = SIZES[-1] if used is not None else 0
        while size and size < LARGEST and fits(bench, 2 * size, changes) is not None:
            size *= 2
        print(f"\ngradients {name}: {used or 0:.1f} GB at N = {SIZES[-1]}, ", end="")
        print(f"largest N {size} (tried up to {LARGEST})")
        found |= {f"{name}_gb_{SIZES[-1]}": round(used or 0, 2), f"{name}_largest_n": size}
    return found


def main() -> None:
    logging.disable(logging.WARNING)
    disable_progress_bar()
    torch.backends.cuda.matmul.allow_tf32 = True
    name = torch.cuda.get_device_name() if HAS_GPU else "CPU, toy size: proves no speed"
    with tempfile.TemporaryDirectory() as folder:
        peak = matmul_peak()
        print(f"{name}, torch {torch.__version__}: matrix product {peak / 1e12:.3g} TFLOP/s, bf16")
        bench = Bench(Path(folder))
        print(f"{len(bench.pairs.train)} mined pairs", file=sys.stderr)
        ratios = attempts(bench) | estimators(bench, peak) | memory(bench)
        if "st_trainer_ratio_32" in ratios:
            print("\nST's trainer takes, in softnce's InfoNCE steps:", end=" ")
            print({size: ratios[f"st_trainer_ratio_{size}"] for size in SIZES})
    print(json.dumps(ratios))


if __name__ == "__main__":
    main()
