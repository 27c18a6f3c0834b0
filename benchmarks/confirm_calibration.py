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
the measured error over queries, .0017 with 1,979 of them; that a quarter of a configuration's
effect on queries is common to its loss is an assumption. "Harder" is (b) with .6 in place of the
first quarter, as (c) finds it, and .75 in place of the second, so that several candidates help
less. (c) draws queries and seeds anew from tables of real training: five settings of each loss, six
seeds, shifted so that no loss is better in the mean; the mean effect of each drawn run has a random
sign. Runs of (c) are those of csn-python-mini where it is at hand, else of mined packages.

``better`` is the share of "Better" among all studies, ``2 s.e.`` its error. Without a true gain it
should be 5 % at most; the JSON of the last line gives the worst of each kind. Its power at .02 is
that of the defaults, with 2,000 queries; at .005 that of ``--candidates 3 --seeds 8``, likewise,
and a few points less where noise is harder.
"""

import json
import math
import zlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from real_tables import Real, Study, Table, resampled, trained

from softnce.evidence.judgement import Judgement, judge
from softnce.evidence.racing import leaving, stages
from softnce.evidence.verdict import Findings, Word, verdict
from tune_spaces.confirm.phase import CANDIDATES

STUDIES, TRIES = 2000, 10
SEED_SD, SAME_SEED_SD, QUERY_ERROR, MEASURED_ON = 0.0058, 0.0008, 0.0017, 1979
PAIR = math.sqrt(2)  # a difference of two runs has the variance of both
RUN_SHARE, HIGH_RUN_SHARE = 0.25, 0.6  # of the variance of a difference at the same seed
COMMON, MOSTLY_COMMON = 0.25, 0.75  # share of the effect on queries that is common to a loss
SEEDS = 5  # fresh ones of a study of (c)


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
        run_share: of the variance of a difference at the same seed, that of runs.
        common: share of a configuration's effect on queries that is common to its loss.
    """

    run_sd: float
    seed_sd: float = 0.0
    queries: int = 1000
    seeds: int = 5
    gain: float = 0.0
    settings_sd: float = 0.0
    missed: float = 0.0
    candidates: int = CANDIDATES
    run_share: float = RUN_SHARE
    common: float = COMMON


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
    rest = SAME_SEED_SD * math.sqrt((1 - noise.run_share) * MEASURED_ON)
    lasting = math.sqrt(QUERY_ERROR**2 * MEASURED_ON - rest**2)
    own = draw.standard_normal(noise.queries)
    of_query = lasting * (math.sqrt(noise.common) * loss + math.sqrt(1 - noise.common) * own)
    of_both = rest * draw.standard_normal((noise.seeds, noise.queries))
    return draw.normal(0, noise.run_sd, (noise.seeds, 1)) + (of_query + of_both) / PAIR


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
    harder = partial(
        Noise,
        SAME_SEED_SD * math.sqrt(HIGH_RUN_SHARE) / PAIR,
        SEED_SD,
        run_share=HIGH_RUN_SHARE,
        common=MOSTLY_COMMON,
    )
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
        ("(a) the same, 1 candidate", Noise(0.006, missed=0.1, candidates=1), independent),
        ("(a) one strong opponent, 2 seeds", Noise(0.006, seeds=2, missed=0.1), independent),
        ("(a) one strong opponent, 3 seeds", Noise(0.006, seeds=3, missed=0.1), independent),
        ("(a) one strong opponent, 8 seeds", Noise(0.006, seeds=8, missed=0.1), independent),
        ("(b) paired", paired(), of_pairs),
        ("(b) paired, one strong opponent", paired(missed=0.1), of_pairs),
        ("(b) harder, one strong opponent", harder(missed=0.1), of_pairs),
        ("(a) sd .005, gain .02", Noise(0.005, queries=2000, gain=0.02), "power_at_0.02"),
        ("(b) gain .005, 2000 queries", paired(queries=2000, gain=0.005), ""),
        (
            "(b) the same, 3 cand., 8 seeds",
            paired(queries=2000, gain=0.005, candidates=3, seeds=8),
            "power_at_0.005_paired",
        ),
        (
            "(b) harder, 3 cand., 8 seeds",
            harder(queries=2000, gain=0.005, candidates=3, seeds=8),
            "",
        ),
        ("(b) gain .005, 3000 queries", paired(queries=3000, gain=0.005), ""),
        ("(b) harder, 3000 queries", harder(queries=3000, gain=0.005), ""),
    ]
    again = partial(resampled, real, seeds=SEEDS)
    drawn = [
        Line(f"(c) {queries} queries", partial(again, queries), "false_better_queries")
        for queries in (60, 300, 1000)
    ]
    drawn += [
        Line(
            "(c) 1000 queries, own settings alone",
            partial(again, 1000, meets_best=False),
            "false_better_queries",
        )
    ]
    return [Line(label, partial(simulated, noise), figure) for label, noise, figure in noises] + [
        *drawn,
        Line("(c) 1000 queries, gain .02", partial(again, 1000, gain=0.02), ""),
    ]


def main() -> None:
    print(f"{'':38}{'better':>9}{'2 s.e.':>8}{'worse':>8}{'no diff.':>9}{'not shown':>10}")
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
                f"{line.label:38}{100 * better:7.2f} %{error:8.2f}{100 * worse:8.2f}"
                f"{100 * none:9.2f}{100 * unshown:10.2f}",
                flush=True,
            )
            if line.figure:
                figures[line.figure] = max(figures.get(line.figure, 0.0), round(better, 4))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
