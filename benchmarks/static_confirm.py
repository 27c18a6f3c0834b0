"""A small search and its confirmation, by real training in this process and two others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from static_training import Bench, Settings, Trained

from softnce.evidence.judgement import judge
from softnce.evidence.racing import leaving, stages
from softnce.evidence.verdict import Findings, Verdict, verdict

SeedOf = Callable[[str, int], int]  # the training seed of a configuration in a run of this number


def same_for_all(_: str, number: int) -> int:
    """Give all configurations the same seed, as softnce does."""
    return number


@dataclass(frozen=True)
class Contest:
    """Two families of settings with equal tries.

    Attributes:
        bench: that trains.
        plain: settings of InfoNCE, by name.
        other: for each name in ``plain``, the same settings with the other loss.
        candidates: how many of ``other`` are confirmed.
        seed_of: the training seeds.
    """

    bench: Bench
    plain: Mapping[str, Settings]
    other: Mapping[str, Settings]
    candidates: int = 2
    seed_of: SeedOf = same_for_all

    def trained(self, names: Sequence[str], numbers: Sequence[int]) -> dict[str, list[Trained]]:
        """Train configurations, by name, in runs of these numbers."""
        settings = self._settings()
        tasks = [
            (settings[name], self.seed_of(name, number)) for name in names for number in numbers
        ]
        runs = iter(self.bench.train_all(tasks))
        return {name: [next(runs) for _ in numbers] for name in names}

    def _settings(self) -> dict[str, Settings]:
        return dict(self.plain) | {_other(name): found for name, found in self.other.items()}


def _other(name: str) -> str:
    return f"{name} soft"


def contested(contest: Contest, *, search: int, fresh: Sequence[int]) -> Verdict:
    """Search with one seed, confirm with fresh ones, and say what has been shown.

    Args:
        contest: the two families.
        search: number of the search's runs.
        fresh: numbers of the confirmation's runs.
    """
    found = contest.trained([*contest.plain, *map(_other, contest.other)], [search])
    values = {name: runs[0].valid for name, runs in found.items()}
    best = max(contest.plain, key=values.__getitem__)
    ordered = sorted(contest.other, key=lambda name: -values[_other(name)])
    opponents = {
        _other(name): list(dict.fromkeys([name, best])) for name in ordered[: contest.candidates]
    }
    runs, dropped = _raced(contest, opponents, fresh)
    scores = {name: _table(own) for name, own in runs.items()}
    first = judge(scores, opponents, dropped=dropped)[0]
    sides = (first.candidate, first.opponent)
    ours, theirs = ([run.valid for run in runs[name]] for name in sides)
    return verdict(
        Findings(
            candidate=first.candidate,
            opponent=first.opponent,
            gain=first.gain,
            candidate_mean=float(scores[first.candidate].mean()),
            opponent_mean=float(scores[first.opponent].mean()),
            pool=contest.bench.prepared.candidates,
            selected_gain=values[first.candidate] - values[best],
            fresh_gain=float(np.mean(ours) - np.mean(theirs)),
        )
    )


def _raced(
    contest: Contest, opponents: dict[str, list[str]], fresh: Sequence[int]
) -> tuple[dict[str, list[Trained]], dict[str, str]]:
    runs: dict[str, list[Trained]] = {}
    dropped: dict[str, str] = {}
    done = 0
    for count in stages(len(fresh)):
        left = [name for name in opponents if name not in dropped]
        rivals = [other for name in opponents for other in opponents[name]]
        names = list(dict.fromkeys([*left, *rivals]))
        for name, more in contest.trained(names, fresh[done:count]).items():
            runs[name] = runs.get(name, []) + more
        done = count
        scores = {name: _table(own) for name, own in runs.items()}
        if count < len(fresh):
            dropped |= leaving(scores, opponents, dropped=dropped)
    return runs, dropped


def _table(runs: Sequence[Trained]) -> NDArray[np.float64]:
    return np.stack([run.test for run in runs])
