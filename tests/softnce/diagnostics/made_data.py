"""Made sets, and the command on them."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

from softnce.data.pairs import Pair, read_pairs
from softnce.diagnostics.requested import (
    RequestedEstimators,
)
from softnce.diagnostics.weight_analysis import Coefficients

SOFTNCE = Path(sys.executable).with_name("softnce")


PLAIN = Coefficients(alpha=1.0, beta=1.0, temperature=1.0)


BM25 = RequestedEstimators(["bm25"])


def made(count, repeated=0):
    """Return pairs of distinct queries, the last ones asking for what the first ones ask."""
    pairs = [Pair(f"word{i} other{i}", f"def f{i}(): return {i}", f"id{i}") for i in range(count)]
    twins = [Pair(pairs[i].query, f"def twin{i}(): return {i}", f"t{i}") for i in range(repeated)]
    return [*pairs[: count - repeated], *twins]


def set_folder(folder, label0="text"):
    """Write a set whose label-0 functions are about something else than their queries."""
    words = ["open", "close", "count", "merge", "split", "parse", "write", "read"]
    train = [
        {"query": f"{w} item{i}", "code": f"def {w}(item{i}): pass", "url": f"u{i}-{w}"}
        for i in range(10)
        for w in words
    ]
    wrong = [{**row, "code": "def unrelated(thing): return 0"} for row in train]
    base = [{**row, "docstring": f"to {row['query']}", "query": None} for row in train]
    folder.mkdir(parents=True, exist_ok=True)
    parts = {"train": train, "valid": train[:5], "codebase": base, "train_nonmatching": wrong}
    if label0 is None:
        del parts["train_nonmatching"]
    for part, rows in parts.items():
        text = "\n".join(json.dumps(row) for row in rows)
        (folder / f"{part}.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    return folder


def typed(*words, cwd):
    return subprocess.run(
        [str(SOFTNCE), "weights", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def made_pairs_of(folder):
    return read_pairs(folder).train
