"""BM25 of a batch: softnce's estimator against rank_bm25's own loop; the goal is 20x at N = 128.

Run it without arguments: ``python benchmarks/bm25_speed.py``. Queries are real docstrings, scored
against each other; both sides start from terms. The estimator counts the terms of the training set
once, which is shown apart. The last line is JSON.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rank_bm25 import BM25Okapi

from softnce.data.pairs import read_pairs
from softnce.weights.bm25 import BM25Estimator, terms

SIZES = {32: 21, 128: 9, 1024: 3}  # batch size: repetitions
REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "csn-python-mini"


def queries() -> list[str]:
    """Read the real docstrings where they are at hand, else mine the installed packages."""
    if REAL.is_dir():
        return [pair.query for pair in read_pairs(REAL).train]
    from softnce.data.mining.mine import mine
    from softnce.data.mining.sources import named_paths

    with tempfile.TemporaryDirectory() as folder:
        mine(named_paths(["@environment"]), Path(folder), max_pairs=2500, workers=2)
        return [pair.query for pair in read_pairs(Path(folder)).train]


def plain(batch: list[list[str]]) -> np.ndarray:
    """Score a batch as one does with rank_bm25."""
    model = BM25Okapi(batch)
    return np.stack([model.get_scores(query) for query in batch])


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    documents = [terms(text) for text in queries()]
    began = time.perf_counter()
    estimator = BM25Estimator(documents)
    counting = time.perf_counter() - began
    print(f"{len(documents)} docstrings, counted once in {counting * 1e3:.0f} ms")
    print(f"{'N':>6}{'rank_bm25 ms':>14}{'softnce ms':>12}{'ratio':>8}{'difference':>12}")
    ratios = {}
    for size, repetitions in SIZES.items():
        rows = torch.from_numpy(np.random.default_rng(0).permutation(len(documents))[:size])
        batch = [documents[row] for row in rows.tolist()]
        gap = np.abs(plain(batch) - estimator.relevance(rows, rows).numpy()).max()
        pairs = [
            (seconds(lambda: plain(batch)), seconds(lambda: estimator.relevance(rows, rows)))  # noqa: B023
            for _ in range(repetitions)
        ]
        ratio = statistics.median(theirs / ours for theirs, ours in pairs)
        theirs, ours = (statistics.median(column) * 1e3 for column in zip(*pairs, strict=True))
        print(f"{size:6}{theirs:14.2f}{ours:12.2f}{ratio:7.1f}x{gap:12.1e}")
        ratios[f"speedup_{size}"] = round(ratio, 2)
    print(json.dumps(ratios))


if __name__ == "__main__":
    main()
