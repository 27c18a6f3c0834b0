"""A training step on a GPU: its share of the peak, what estimators add, and ST's trainer beside it.

Run ``python benchmarks/gpu_prepare.py FOLDER`` on any machine, then on one with a GPU
``python benchmarks/gpu_step.py FOLDER [PART ...]`` (four minutes); parts are ``32``, ``128`` and
``1024`` (batch sizes), ``memory``, ``profile``, ``calls`` and ``st-compiled``. The encoder has
UniXcoder's size (RoBERTa, 12 layers, 125M parameters) and random weights; the texts are mined
pairs, so that lengths are real; precision is bf16. The steps are softnce's own, loader included.
Every comparison is interleaved: each round runs all candidates on the same batches, whose sizes
were met in a first round that is not counted, and medians of rounds are printed. Without a GPU the
same script runs a toy size, which proves that it runs and nothing else.

``peak`` is the arithmetic of the real tokens (padding does not count) over the measured rate of a
large bf16 matrix product. sentence-transformers' trainer gets its best settings: bf16, fused AdamW,
four loading workers, MultipleNegativesRankingLoss, where that does not fit its cached form, and
flash attention where that is installed. With ``OUT`` set, figures are kept in that folder at once.
"""

import gc
import statistics
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import silent
from gpu_runs import (
    DEVICE,
    HAS_GPU,
    Bench,
    arithmetic,
    at_most,
    interleaved,
    keep,
    matmul_peak,
    of,
    ratio,
    say,
    seconds_a_step,
    wait,
)
from st_steps import trainer_seconds

SIZES = (32, 128, 1024) if HAS_GPU else (8, 16, 32)
STEPS = dict(zip(SIZES, (12, 8, 2) if HAS_GPU else (1, 1, 1), strict=True))
ROUNDS = 4 if HAS_GPU else 1
CACHED = {"optim/max_tokens_per_pass": 32_768 if HAS_GPU else 1024}
ESTIMATORS = ("bm25", "simcse", "teacher", "self")
LARGEST = 2**14  # batch tried
SMALLEST, MIDDLE, BIG = SIZES
NO_KERNELS = ("aten::", "Optimizer.", "autograd::")
KERNELS = {"nvjet": "matrix products", "gemm": "matrix products", "flash": "attention",
           "splitK": "matrix products", "triton": "compiled", "multi_tensor": "optimizer",
           "Memcpy": "copies", "Memset": "copies"}  # fmt: skip
PARTS = (*map(str, SIZES), "memory", "profile", "calls", "st-compiled")
PACKED: dict[str, Any] = {"encoder/packing": "auto" if HAS_GPU else "always"}
GRAPHS: dict[str, Any] = {"optim/cuda_graphs": "auto"}
COMPILED: dict[str, Any] = {"optim/compile": HAS_GPU}
REPEATING: dict[str, Any] = {"optim/deterministic": True}
WAYS: dict[str, dict[str, Any]] = {
    "packed": PACKED,
    "packed, compiled": PACKED | COMPILED,
    "packed, graphs": PACKED | GRAPHS,
    "packed, graphs, deterministic": PACKED | GRAPHS | REPEATING,
    "packed, compiled, graphs": PACKED | COMPILED | GRAPHS,
}
WAYS_BIG: dict[str, dict[str, Any]] = {
    "packed": PACKED,
    "packed, compiled": PACKED | COMPILED,
    "packed, cached": PACKED | CACHED,
    "packed, cached, compiled": PACKED | CACHED | COMPILED,
}


def one_size(bench: Bench, size: int, peak: float) -> None:
    """Compare ways to run a step, then estimators in the fastest of them."""
    rows = bench.rows(size, STEPS[size])
    ways = WAYS_BIG if size == BIG else WAYS
    works = of(bench, size, ways)
    works["ST trainer"] = partial(
        trainer_seconds, bench.model, bench.pairs.train, cached=128 if size == BIG else 0
    )
    if size != BIG:  # a size is recorded when it is met again
        for name in ways:
            works[name](rows)
    times = interleaved(works, rows, ROUNDS)
    lengths = bench.lengths(rows)
    flop, tokens = arithmetic(lengths) / len(rows), lengths.sum() / len(rows)
    say(f"\nN = {size}: {tokens:,.0f} tokens, {flop / 1e12:.3g} TFLOP per step")
    for name, own in times.items():
        spent = statistics.median(own)
        say(f"  {name:34}{1e3 * spent:9.1f} ms{100 * flop / spent / peak:7.1f} % of the peak")
        keep({"size": size, "way": name, "ms": 1e3 * spent, "share": flop / spent / peak})
    best = min((one for one in times if one in ways), key=lambda one: statistics.median(times[one]))
    if "ST trainer" in times:
        say(f"  ST's trainer takes {ratio(times['ST trainer'], times[best]):.2f} of '{best}'")
    fresh = bench.rows(size, STEPS[size], seed=1)
    say(f"  '{best}' on batches not met before: {1e3 * works[best](fresh):.1f} ms")
    del works
    gc.collect()
    estimators(bench, size, ways[best], rows)


def estimators(bench: Bench, size: int, best: dict[str, Any], rows: np.ndarray) -> None:
    """Compare the estimators' steps with plain InfoNCE's."""
    soft = best | {"loss/name": "soft-infonce"}
    for name in ESTIMATORS:  # each with a plain run of its own, for many runs would not fit
        works = of(bench, size, {"infonce": best, name: soft | {"weights/estimator": name}})
        for work in works.values():
            work(rows)
        times = interleaved(works, rows, ROUNDS)
        more = 100 * (ratio(times[name], times["infonce"]) - 1)
        say(f"  {name:34}{1e3 * statistics.median(times[name]):9.1f} ms{more:+7.2f} %")
        keep({"size": size, "estimator": name, "more_percent": more})
        del works, work
        gc.collect()


def fits(bench: Bench, size: int, changes: dict[str, Any]) -> float | None:
    """Return the peak memory in GB of a step, or None if it does not fit."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    try:
        seconds_a_step(bench.run(changes, size), bench.rows(size, 1))
    except torch.OutOfMemoryError:
        return None
    return torch.cuda.max_memory_allocated() / 1e9


def memory(bench: Bench) -> None:
    """Measure memory with and without gradient caching, and the largest batch that fits."""
    if not HAS_GPU:
        say("memory: only a GPU tells")
        return
    for name, changes in WAYS_BIG.items():
        used = [fits(bench, size, changes) for size in SIZES]
        known = ", ".join("too much" if one is None else f"{one:.1f} GB" for one in used)
        largest = BIG if used[-1] is not None else MIDDLE
        while largest < LARGEST and fits(bench, 2 * largest, changes) is not None:
            largest *= 2
        say(f"  {name:34}{known} at N = {SIZES}; largest power of 2: {largest}")
        keep({"memory": name, "gb": used, "largest": largest})


def profile(bench: Bench, size: int, way: str) -> None:
    """Tell how long the device is busy in a step, and with what."""
    rows, run = bench.rows(size, 4), bench.run(WAYS[way], size)
    for _ in range(3):
        spent = seconds_a_step(run, rows)
    with torch.profiler.profile() as seen:
        seconds_a_step(run, rows)
    steps, own = len(rows), "self_device_time_total" if HAS_GPU else "self_cpu_time_total"
    took: Counter[str] = Counter()
    starts = 0
    for one in seen.key_averages():
        is_kernel = str(one.device_type).endswith("CUDA") or not HAS_GPU
        if is_kernel and not one.key.startswith(NO_KERNELS):
            kind = next((kind for word, kind in KERNELS.items() if word in one.key), "others")
            took[kind] += getattr(one, own) / steps / 1e3
            starts += one.count
    say(
        f"N = {size}, {way}: {1e3 * spent:.1f} ms a step; the device is busy {took.total():.1f} ms "
        f"with {starts / steps:.0f} kernels"
    )
    for kind, spent in took.most_common():
        say(f"    {spent:7.2f} ms {kind}")
    keep({"size": size, "profile": way, "ms": dict(took)})


def calls() -> None:
    """Tell what a matrix product costs the processor, of a size met before and of others."""
    weights = torch.randn(768, 768, device=DEVICE, dtype=torch.bfloat16)
    rows = torch.randn(40_000, 768, device=DEVICE, dtype=torch.bfloat16)
    for word, step in (("one size", 0), ("new sizes", 8), ("the same new sizes again", 8)):
        wait()
        began = time.perf_counter()
        for number in range(200):
            rows[: 4096 + step * number] @ weights
        spent = (time.perf_counter() - began) / 200
        wait()
        say(f"  a product of {word}: {1e6 * spent:.0f} us of the processor")
        keep({"product": word, "us": 1e6 * spent})


def st_compiled(bench: Bench) -> None:
    """Let sentence-transformers' trainer compile its model, too."""
    rows = bench.rows(MIDDLE, STEPS[MIDDLE])
    for number in range(3):
        spent = trainer_seconds(bench.model, bench.pairs.train, rows, compiled=HAS_GPU)
        say(f"  ST trainer, compiled, N = {MIDDLE}, run {number}: {1e3 * spent:.1f} ms")
        keep({"size": MIDDLE, "way": "ST trainer, compiled", "ms": 1e3 * spent})


def main() -> None:
    silent()
    torch._dynamo.config.recompile_limit = 64  # runs of several settings share one process
    folder, parts = Path(sys.argv[1]), sys.argv[2:] or list(PARTS)
    name = torch.cuda.get_device_name() if HAS_GPU else "CPU, toy size: proves no speed"
    peak = matmul_peak()
    say(f"{name}, torch {torch.__version__}: matrix product {peak / 1e12:.3g} TFLOP/s, bf16")
    bench = Bench(folder)
    wait()
    say(f"{len(bench.pairs.train)} mined pairs")
    for part in parts:
        with at_most(80 if HAS_GPU else 1200, part):
            if part == "memory":
                memory(bench)
            elif part == "calls":
                calls()
            elif part == "st-compiled":
                st_compiled(bench)
            elif part == "profile":
                for size in (SMALLEST, MIDDLE):
                    profile(bench, size, "packed, compiled, graphs")
            else:
                one_size(bench, int(part), peak)
    bench.close()


if __name__ == "__main__":
    main()
