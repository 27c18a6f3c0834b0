"""What the benchmarks of a GPU share: runs on prepared data, clocks that wait for the device."""

import gc
import json
import os
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import numpy as np
import torch
from common import TOKENIZERS, random_roberta, with_vectors

from softnce.config.file import validated, with_overrides
from softnce.data.pairs import read_pairs
from softnce.inputs.prepare import prepare
from softnce.inputs.prepared import Prepared
from softnce.training import loop
from softnce.training.gather import Workers
from softnce.training.numerics import attempted, settle

HAS_GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if HAS_GPU else "cpu")
UNIXCODER = {"num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12,
             "intermediate_size": 3072}  # fmt: skip
TOY = {"num_hidden_layers": 1, "hidden_size": 16, "num_attention_heads": 2,
       "intermediate_size": 16}  # fmt: skip
SHAPE = UNIXCODER if HAS_GPU else TOY
Work = Callable[[np.ndarray], float]


def wait() -> None:
    """Wait until the device has done all it was given."""
    if HAS_GPU:
        torch.cuda.synchronize()


def say(*lines: str) -> None:
    """Print at once, so that a run that is cut off has said what it knew."""
    for line in lines:
        print(line, flush=True)


def keep(figures: dict[str, Any]) -> None:
    """Append figures to ``$OUT/figures.jsonl`` where that folder is named."""
    if "OUT" in os.environ:
        with (Path(os.environ["OUT"]) / "figures.jsonl").open("a") as file:
            file.write(json.dumps(figures) + "\n")


@contextmanager
def at_most(seconds: int, what: str) -> Iterator[None]:
    """End a part that takes longer, or fails, and say so; the next part then goes on."""

    def cut(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"cut off after {seconds} s")

    before = signal.signal(signal.SIGALRM, cut)
    signal.alarm(seconds)
    began = time.perf_counter()
    try:
        yield
    except Exception as error:  # noqa: BLE001  (what was measured before it stays)
        say(f"{what}: {type(error).__name__}: {str(error)[:600]}")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        gc.collect()
        if HAS_GPU:
            torch.cuda.empty_cache()
    say(f"({what}: {time.perf_counter() - began:.0f} s)")


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

    def __init__(self, folder: Path) -> None:
        """Open what ``gpu_prepare.py`` left in a folder, and make the weights."""
        self.scratch = Path(tempfile.mkdtemp())
        model = self.scratch / "model"
        shutil.copytree(folder / "unixcoder", model)
        random_roberta(model, vocab_size=TOKENIZERS["unixcoder"], **SHAPE)
        self.model, source = str(model), folder / "mined"
        self.pairs = read_pairs(source)
        self.base = validated(
            {
                "data": {"path": str(source)},
                "encoder": {"kind": "transformer", "model": self.model},
                "loss": {"name": "infonce"},
                "optim": {"learning_rate": 1e-6, "precision": "bf16", "deterministic": False},
            }
        )
        made = prepare(self.base, self.pairs, folder / "cache", tell=say, models=["bm25"])
        self.prepared: Prepared = with_vectors(made)

    def close(self) -> None:
        """Remove the weights and what runs have written."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    def run(self, changes: dict[str, Any], size: int) -> loop.Run:
        """Start a run of some settings."""
        config = with_overrides(self.base, {"optim/batch_size": size} | changes)
        torch.manual_seed(config.optim.seed)
        folder = Path(tempfile.mkdtemp(dir=self.scratch))
        return loop._started(config, self.prepared, folder, Workers(), DEVICE)

    def rows(self, size: int, steps: int, *, seed: int = 0) -> np.ndarray:
        """Return (steps, size) rows, each batch drawn by itself."""
        draw, most = np.random.default_rng(seed), self.prepared.train
        return np.stack([draw.choice(most, size, replace=size > most) for _ in range(steps)])

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


def interleaved(works: dict[str, Work], rows: np.ndarray, rounds: int) -> dict[str, list[float]]:
    """Run every candidate each round on the same batches, in turning order.

    The first round only warms up: kernels are chosen, and layers compiled, for sizes not met
    before. What does not fit into memory, or fails, is left out and told.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    names = list(works)
    for number in range(rounds + 1):
        turn = number % len(names)
        for name in [one for one in names[turn:] + names[:turn] if one in times]:
            try:
                seconds = works[name](rows)
            except torch.OutOfMemoryError:
                say(f"  {name}: does not fit into memory")
            except RuntimeError as error:
                say(f"  {name}: {str(error)[:400]}")
            else:
                times[name] += [seconds] if number else []
                continue
            del times[name], works[name]
            gc.collect()
            torch.cuda.empty_cache()
    return times


def of(bench: Bench, size: int, settings: dict[str, dict[str, Any]]) -> dict[str, Work]:
    """Return the work of each run."""
    return {name: partial(seconds_a_step, bench.run(one, size)) for name, one in settings.items()}


def ratio(times: Sequence[float], others: Sequence[float]) -> float:
    """Return the median of paired ratios."""
    return statistics.median(a / b for a, b in zip(times, others, strict=True))
