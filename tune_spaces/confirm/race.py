"""How far a confirmation is: which runs are due, who is beaten, and who has failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softnce.evidence.racing import leaving, stages
from tune_spaces.confirm.contest import Contest
from tune_spaces.confirm.runs import FreshRun, RunsFolder


@dataclass(frozen=True, slots=True)
class Standing:
    """A race at some moment.

    Attributes:
        due: runs of the present stage that have not ended.
        dropped: who beat each candidate that runs no further.
        failed: why each configuration that has no scores failed.
        contest: without those that have failed.
    """

    due: Sequence[FreshRun]
    dropped: Mapping[str, str]
    failed: Mapping[str, str]
    contest: Contest


@dataclass(frozen=True, slots=True)
class Race:
    """Fresh seeds spent in stages; all is told from the runs that have ended, so it can go on.

    Attributes:
        contest: who meets whom.
        seeds: that a candidate runs if it is not beaten before.
        runs: where they lie.
    """

    contest: Contest
    seeds: Sequence[int]
    runs: RunsFolder

    def standing(self) -> Standing:
        """Tell how far the race is.

        The last candidate runs all its seeds, beaten or not: the verdict is about it.
        """
        failed = self._failed()
        left = self.contest.without(failed)
        dropped: dict[str, str] = {}
        for count in stages(len(self.seeds)):
            running = [name for name in left.opponents if name not in dropped]
            due = self._due(left.needed(running), self.seeds[:count])
            if due:
                return Standing(due, dropped, failed, left)
            if running and count < len(self.seeds):
                scores = self.scores(left, "test", count)
                dropped |= leaving(scores, left.opponents, dropped=dropped)
        return Standing([], dropped, failed, left)

    def scores(
        self, contest: Contest, split: str, count: int | None = None
    ) -> dict[str, NDArray[np.float64]]:
        """Return (seeds, queries) reciprocal ranks of every side of a contest that has begun.

        Args:
            contest: whose sides.
            split: valid or test.
            count: seeds to look at; all unless given.
        """
        sides = contest.needed(list(contest.opponents))
        return {side: self.runs.scores(side, self.seeds[:count], split) for side in sides}

    def _due(self, sides: Sequence[str], seeds: Sequence[int]) -> list[FreshRun]:
        runs = [FreshRun(side, seed) for seed in seeds for side in sides]
        return [run for run in runs if not self.runs.has_ended(run)]

    def _failed(self) -> dict[str, str]:
        runs = [FreshRun(side, seed) for side in self.contest.sides for seed in self.seeds]
        return {run.side: self.runs.failure(run) for run in runs if self.runs.failure(run)}
