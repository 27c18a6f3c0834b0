"""Every validation query of a confirmation: how well the candidate and InfoNCE answer it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softnce.secret import masked
from softnce.whole_files import write_text
from tune_spaces.confirm.runs import FreshRun, RunsFolder

FILE = "per_query.json"
_SPLIT = "valid"  # who reads the test split query by query begins to choose by it
_LONGEST = 300  # characters of a query


def write_query_table(
    root: Path, facts: Mapping[str, Any], texts: Sequence[str] | None
) -> Path | None:
    """Write the table where a confirmation has been judged, in the form of MLflow's tables.

    Args:
        root: the study's folder.
        facts: what its verdict rests on.
        texts: of the validation queries, where they are at hand.

    Returns:
        The file; None where nothing was confirmed.

    Raises:
        RunError: a run's scores are damaged.
    """
    if "candidate" not in facts:
        return None
    runs = RunsFolder(root / "confirm")
    ours, theirs = (_means(runs, facts[side]) for side in ("candidate", "opponent"))
    order = np.argsort(-np.abs(ours - theirs), kind="stable")
    columns = ["query", f"{facts['candidate']}", f"{facts['opponent']} (InfoNCE)", "change", "row"]
    data = [
        [
            _text(texts, row),
            round(float(ours[row]), 4),
            round(float(theirs[row]), 4),
            round(float(ours[row] - theirs[row]), 4),
            int(row),
        ]
        for row in order
    ]
    path = root / FILE
    write_text(path, json.dumps({"columns": columns, "data": data}, ensure_ascii=False))
    return path


def _means(runs: RunsFolder, side: str) -> NDArray[np.float64]:
    """Return (queries,) mean reciprocal ranks of a side over the seeds that it has run."""
    found = sorted(runs.root.glob(f"{side}-s*/{_SPLIT}.npy"))
    seeds = [int(path.parent.name.rpartition("-s")[2]) for path in found]
    whole = [seed for seed in seeds if not runs.failure(FreshRun(side, seed))]
    return np.asarray(runs.scores(side, whole, _SPLIT).mean(axis=0))


def _text(texts: Sequence[str] | None, row: int) -> str:
    return "" if texts is None else masked(" ".join(texts[row].split())[:_LONGEST])
