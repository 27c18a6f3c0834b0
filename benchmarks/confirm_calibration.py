"""How often a confirmation calls "Better" what is not, and how often it finds what is.

Run it without arguments: ``python benchmarks/confirm_calibration.py`` (under ten minutes on two
cores). Each line of the table simulates 2,000 whole studies: 10 tries of InfoNCE and 10 of another
loss, the best of the latter by noisy validation as candidates, as many as ``softnce confirm`` takes
unless the line says otherwise, each of them against its own settings with InfoNCE and against the
best InfoNCE; then fresh seeds, 5 unless the line says otherwise, racing, Holm and the verdict by
the functions of softnce/evidence, as ``softnce confirm`` calls them.

The noise: (a) each run has noise of its own; (b) runs of the same seed share the seed's noise, as
measured on the quick study: sd over seeds .0058, of a difference at the same seed .0008, a quarter
of whose variance is that of runs, the rest that of queries within runs. In both, a difference has
the measured error over queries, .0017 with 1,979 of them, and a quarter of a configuration's effect
on queries is common to its loss. (c) draws queries and seeds anew from tables of real training:
five settings of each loss, six seeds, shifted so that no loss is better in the mean; the mean
effect of each drawn run has a random sign. Runs of (c) are those of csn-python-mini where it is at
hand, else of mined packages.

``better`` is the share of "Better" among all studies, ``2 s.e.`` its error. Without a true gain it
should be 5 % at most; the JSON of the last line gives the worst of each kind. Its power at .02 is
that of the defaults, with 2,000 queries; at .005 that of ``--candidates 3 --seeds 8``, likewise.
"""

import json
import math
import tempfile
import zlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from common import real_pairs
from numpy.typing import NDArray
from static_training import bench

from softnce.evidence.judgement import Judgement, judge
from softnce.evidence.paired import mean_squares
from softnce.evidence.racing import leaving, stages
from softnce.evidence.verdict import Findings, Word, verdict
from tune_spaces.confirm.phase import CANDIDATES

STUDIES, TRIES = 2000, 10
SEED_SD, SAME_SEED_SD, QUERY_ERROR, MEASURED_ON = 0.0058, 0.0008, 0.0017, 1979
PAIR = math.sqrt(2)  # a difference of two runs has the variance of both
RUN_SHARE = 0.25  # of the variance of a difference at the same seed; (c) prints what it finds
COMMON = 0.25  # share of the effect on queries that is common to a loss
Table = dict[str, NDArray[np.float64]]
Study = tuple[Table, dict[str, list[str]]]  # scores of each configuration, opponents


@dataclass(frozen=True)
class Noise:
    """Where simulated scores differ.

    Attributes:
        run_sd: of a run's mean, its own.
        seed_sd: of a seed's mean, common to all runs.
        queries: in the test split.
        seeds: fresh ones.
        gain: true one of the other loss.
        settings_sd: of the true quality of the 10 settings, which both losses share.
        missed: what the search of InfoNCE misses, so that a candidate's own settings with InfoNCE
            are the one opponent to beat.
        candidates: how many are confirmed.
    """

    run_sd: float
    seed_sd: float = 0.0
    queries: int = 1000
    seeds: int = 5
    gain: float = 0.0
    settings_sd: float = 0.0
    missed: float = 0.0
    candidates: int = CANDIDATES


def simulated(noise: Noise, draw: np.random.Generator) -> Study:
    """Search, and give the scores of what the search selects."""
    quality = draw.normal(0, noise.settings_sd, (2, TRIES))
    quality[1] += noise.gain
    seen = quality + draw.normal(0, noise.run_sd, (2, TRIES))
    best = int(seen[0].argmax())
    means = {"best": (0, quality[0, best] - noise.missed)}
    opponents = {}
    for row in np.argsort(-seen[1])[: noise.candidates]:
        means[f"t{row}"] = (1, quality[1, row])
        means[f"t{row}-infonce"] = (0, quality[1, row] - noise.gain)
        opponents[f"t{row}"] = [f"t{row}-infonce", "best"]
    seeds = draw.normal(0.6, noise.seed_sd, (noise.seeds, 1))
    losses = draw.standard_normal((2, noise.queries))
    return {
        name: mean + seeds + _scores(noise, losses[loss], draw)
        for name, (loss, mean) in means.items()
    }, opponents


def _scores(
    noise: Noise, loss: NDArray[np.float64], draw: np.random.Generator
) -> NDArray[np.float64]:
    """Draw one configuration's deviations: of its runs, of its queries, of both together."""
    rest = SAME_SEED_SD * math.sqrt((1 - RUN_SHARE) * MEASURED_ON)
    lasting = math.sqrt(QUERY_ERROR**2 * MEASURED_ON - rest**2)
    own = draw.standard_normal(noise.queries)
    of_query = lasting * (math.sqrt(COMMON) * loss + math.sqrt(1 - COMMON) * own)
    of_both = rest * draw.standard_normal((noise.seeds, noise.queries))
    return draw.normal(0, noise.run_sd, (noise.seeds, 1)) + (of_query + of_both) / PAIR


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
    real: Real, queries: int, draw: np.random.Generator, *, seeds: int = 5, gain: float = 0.0
) -> Study:
    """Search among the real settings with one seed, then draw fresh seeds and queries.

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
        opponents[f"t{row}"] = list(dict.fromkeys([f"infonce-{row}", best]))
    return table, opponents


def confirmed(study: Study) -> Word:
    """Race, judge and say."""
    scores, opponents = study
    kept, dropped = dict(scores), dict[str, str]()
    for count in stages(len(next(iter(scores.values()))))[:-1]:
        so_far = {name: rows[:count] for name, rows in kept.items()}
        for name, winner in leaving(so_far, opponents, dropped=dropped).items():
            dropped[name], kept[name] = winner, scores[name][:count]
    first = judge(kept, opponents, dropped=dropped)[0]
    return verdict(findings(first, scores)).word


def findings(judged: Judgement, scores: Table) -> Findings:
    """Hand the first judgement on to the words."""
    ours, theirs = scores[judged.candidate], scores[judged.opponent]
    return Findings(
        judged.candidate,
        judged.opponent,
        judged.gain,
        candidate_mean=float(ours.mean()),
        opponent_mean=float(theirs.mean()),
        pool=ours.shape[1],
    )


def words(make: Callable[[np.random.Generator], Study], seed: int) -> list[Word]:
    """Run a tenth of the studies."""
    draw = np.random.default_rng(seed)
    return [confirmed(make(draw)) for _ in range(STUDIES // 10)]


@dataclass(frozen=True)
class Line:
    """A line of the table: what it is called, how its studies are made, whose figure it is."""

    label: str
    make: Callable[[np.random.Generator], Study]
    figure: str


def lines(real: Real) -> list[Line]:
    paired = partial(Noise, SAME_SEED_SD * math.sqrt(RUN_SHARE) / PAIR, SEED_SD)
    independent, of_pairs = "false_better_independent", "false_better_paired"
    noises = [
        *((f"(a) sd {sd}", Noise(sd), independent) for sd in (0.001, 0.003, 0.006)),
        ("(a) sd .006, one strong opponent", Noise(0.006, missed=0.1), independent),
        (
            "(a) the same, settings differ",
            Noise(0.006, settings_sd=0.01, missed=0.1),
            independent,
        ),
        (
            "(a) the same, 5 candidates",
            Noise(0.006, settings_sd=0.01, missed=0.1, candidates=5),
            independent,
        ),
        ("(a) one strong opponent, 2 seeds", Noise(0.006, seeds=2, missed=0.1), independent),
        ("(a) one strong opponent, 3 seeds", Noise(0.006, seeds=3, missed=0.1), ""),
        ("(a) one strong opponent, 8 seeds", Noise(0.006, seeds=8, missed=0.1), independent),
        ("(b) paired", paired(), of_pairs),
        ("(b) paired, one strong opponent", paired(missed=0.1), of_pairs),
        ("(a) sd .005, gain .02", Noise(0.005, queries=2000, gain=0.02), "power_at_0.02"),
        ("(b) gain .005, 2000 queries", paired(queries=2000, gain=0.005), ""),
        (
            "(b) the same, 3 cand., 8 seeds",
            paired(queries=2000, gain=0.005, candidates=3, seeds=8),
            "power_at_0.005_paired",
        ),
        ("(b) gain .005, 3000 queries", paired(queries=3000, gain=0.005), ""),
    ]
    drawn = [
        Line(f"(c) {queries} queries", partial(resampled, real, queries), "false_better_queries")
        for queries in (60, 300, 1000)
    ]
    return [Line(label, partial(simulated, noise), figure) for label, noise, figure in noises] + [
        *drawn,
        Line("(c) 1000 queries, gain .02", partial(resampled, real, 1000, gain=0.02), ""),
    ]


def main() -> None:
    print(f"{'':34}{'better':>9}{'2 s.e.':>8}{'worse':>8}{'no diff.':>9}{'not shown':>10}")
    figures: dict[str, float] = {}
    with ProcessPoolExecutor(2) as pool:
        for line in lines(trained()):
            seeds = [zlib.crc32(line.label.encode()) + part for part in range(10)]
            said = [word for part in pool.map(partial(words, line.make), seeds) for word in part]
            better, worse, none, unshown = (
                said.count(word) / len(said)
                for word in (Word.BETTER, Word.WORSE, Word.NO_DIFFERENCE, Word.NOT_SHOWN)
            )
            error = 200 * math.sqrt(better * (1 - better) / len(said))
            print(
                f"{line.label:34}{100 * better:7.2f} %{error:8.2f}{100 * worse:8.2f}"
                f"{100 * none:9.2f}{100 * unshown:10.2f}",
                flush=True,
            )
            if line.figure:
                figures[line.figure] = max(figures.get(line.figure, 0.0), round(better, 4))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
