"""Studies drawn anew from tables of real training: real noise, and no gain in the mean."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common import real_pairs
from numpy.typing import NDArray
from static_training import bench

from softnce.evidence.paired import mean_squares
from tune_spaces.confirm.phase import CANDIDATES

Table = dict[str, NDArray[np.float64]]
Study = tuple[Table, dict[str, list[str]]]  # scores of each configuration, opponents
SETTINGS = (0.05, 0.07, 0.1, 0.14, 0.2)  # loss temperatures
ALPHAS = (1.8, 1.5, 1.0, 0.7, 0.4)
RUNS = 6  # seeds of each setting


@dataclass(frozen=True)
class Real:
    """Tables of real training, without a gain in the mean.

    Attributes:
        valid: (2, 5, 6) validation MRR of both losses, by setting and seed.
        test: (2, 5, 6, q) reciprocal ranks, by loss, setting, seed and query.
    """

    valid: NDArray[np.float64]
    test: NDArray[np.float64]


def trained() -> Real:
    """Train every setting of both losses with every seed."""
    plain = [{"loss/name": "infonce", "loss/temperature": value} for value in SETTINGS]
    soft = [
        {
            "loss/name": "soft-infonce",
            "loss/temperature": value,
            "weights/estimator": "bm25",
            "weights/alpha": alpha,
            "weights/beta": 2 - alpha,
        }
        for value, alpha in zip(SETTINGS, ALPHAS, strict=True)
    ]
    tasks = [(settings, 1000 + seed) for settings in plain + soft for seed in range(RUNS)]
    with tempfile.TemporaryDirectory() as folder:
        pairs, source = real_pairs(Path(folder), most=3000)
        runs = bench(pairs, source, Path(folder) / "cache", {}).train_all(tasks)
    valid = np.array([run.valid for run in runs]).reshape(2, len(SETTINGS), RUNS)
    test = np.array([run.test for run in runs]).reshape(2, len(SETTINGS), RUNS, -1)
    gains = (test[1] - test[0]).mean(axis=(1, 2))
    squares = np.array([mean_squares(table) for table in test[1] - test[0]]).sum(axis=0)
    print(
        f"(c): {len(runs)} runs on {pairs.name}, {test.shape[3]} test queries; MRR "
        f"{test[0].mean():.3f}; gains by setting {', '.join(f'{gain:+.4f}' for gain in gains)}, "
        f"taken out; share of runs in a difference at the same seed "
        f"{max(0.0, 1 - squares[2] / squares[0]):.2f}\n"
    )
    test[1] -= gains[:, None, None]
    return Real(valid, test)


def resampled(
    real: Real,
    queries: int,
    draw: np.random.Generator,
    *,
    seeds: int,
    gain: float = 0.0,
    meets_best: bool = True,
) -> Study:
    """Search among the real settings with one seed, then draw fresh seeds and queries.

    A candidate meets its own settings with InfoNCE, and the best InfoNCE unless told otherwise.
    The mean effect of a drawn run has a free sign, the same for all settings: there are six runs of
    each, whose mean is taken out, so that five drawn without the one that is off would have a gain.
    """
    seen = real.valid[:, :, draw.integers(RUNS)]
    rows = draw.integers(RUNS, size=seeds)
    columns = draw.integers(real.test.shape[3], size=queries)
    scores = real.test[:, :, rows][:, :, :, columns]
    effects = (real.test[1] - real.test[0]).mean(axis=2)[:, rows]
    signs = draw.choice([-1, 1], size=seeds)
    scores[1] += (effects * (signs - 1))[:, :, None]
    best = f"infonce-{seen[0].argmax()}"
    table = {f"infonce-{row}": scores[0, row] for row in range(len(SETTINGS))}
    opponents = {}
    for row in np.argsort(-seen[1])[:CANDIDATES]:
        table[f"t{row}"] = scores[1, row] + gain
        rivals = [f"infonce-{row}", best if meets_best else f"infonce-{row}"]
        opponents[f"t{row}"] = list(dict.fromkeys(rivals))
    return table, opponents
