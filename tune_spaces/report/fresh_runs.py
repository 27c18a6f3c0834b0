"""What the runs of a confirmation tell beyond its verdict: gains on each split, queries changed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softnce.errors import RunError
from tune_spaces.confirm.runs import SPLITS, FreshRun, RunsFolder
from tune_spaces.report.facts import StudyFacts
from tune_spaces.study.verdicts.verdict import best_infonce


@dataclass(frozen=True, slots=True)
class Gain:
    """A mean gain in MRR with its 95 % interval, whose ends are None where nothing can be said."""

    mean: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class ConfirmedGain:
    """A candidate's gain, from its selection to the test split.

    Attributes:
        candidate: the key of its trial.
        title: with its loss.
        opponent: the InfoNCE that decides.
        selected: over the best InfoNCE of the search, one seed each; None where unknown.
        valid: over its opponent on validation queries, fresh seeds; None where its runs are gone.
        test: likewise on the test split, as the verdict says it.
    """

    candidate: str
    title: str
    opponent: str
    selected: Gain | None
    valid: Gain | None
    test: Gain


@dataclass(frozen=True, slots=True)
class ChangedQuery:
    """How a candidate and its opponent answer a query of a split.

    Attributes:
        row: of the split.
        ours: mean reciprocal rank of its answer over the fresh seeds.
        theirs: that of the opponent.
    """

    row: int
    ours: float
    theirs: float

    @property
    def gain(self) -> float:
        """By how much the candidate is better."""
        return self.ours - self.theirs


def confirmed_gains(facts: StudyFacts) -> list[ConfirmedGain]:
    """Return the gain of each candidate of a study's verdict; none where nothing was confirmed."""
    known = facts.verdict.facts if facts.verdict is not None else {}
    sides = {one["name"]: one for one in known.get("configurations", ())}
    return [
        ConfirmedGain(
            candidate=name,
            title=sides[name]["title"],
            opponent=gain["opponent"],
            selected=_selected(facts, sides[name]["selected"]),
            valid=_on_validation(facts.root, name, gain["opponent"]),
            test=Gain(gain["mean"], gain["low"], gain["high"]),
        )
        for name, gain in known.get("gains", {}).items()
        if name in sides
    ]


def confirmed_sides(facts: StudyFacts) -> Sequence[dict[str, Any]]:
    """Return what each configuration of a study's verdict has reached, as the verdict has it."""
    return facts.verdict.facts.get("configurations", ()) if facts.verdict is not None else ()


def changed_queries(facts: StudyFacts, most: int) -> list[ChangedQuery]:
    """Return the validation queries that changed most between the verdict's two sides.

    Those of the test split are not shown: who reads them begins to choose by them.

    Args:
        facts: the study.
        most: how many at most; those that did not change are left out.
    """
    known = facts.verdict.facts if facts.verdict is not None else {}
    found = answered_queries(facts.root, known, "valid")[:most]
    return [one for one in found if one.gain]


def answered_queries(root: Path, known: Mapping[str, Any], split: str) -> list[ChangedQuery]:
    """Return all queries of a split, those that changed most between a verdict's sides first.

    Args:
        root: the study's folder.
        known: what the verdict rests on; where nothing was confirmed, there are no queries.
        split: valid or test.
    """
    if "candidate" not in known:
        return []
    both = _both(root, known["candidate"], known["opponent"], split)
    if both is None:
        return []
    ours, theirs = (scores.mean(axis=0) for scores in both)
    order = np.argsort(-np.abs(ours - theirs), kind="stable")
    return [ChangedQuery(int(row), float(ours[row]), float(theirs[row])) for row in order]


def _selected(facts: StudyFacts, value: float | None) -> Gain | None:
    plain = best_infonce(facts.table)
    if value is None or plain is None or plain.value is None or facts.metric != "mrr":
        return None
    return Gain(value - plain.value)


def _on_validation(root: Path, name: str, other: str) -> Gain | None:
    both = _both(root, name, other, "valid")
    if both is None:
        return None
    from softnce.evidence.paired import paired_gain

    found = paired_gain(both[0] - both[1])
    return Gain(found.mean, *(None if math.isinf(end) else end for end in (found.low, found.high)))


def _both(
    root: Path, name: str, other: str, split: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return (seeds, queries) reciprocal ranks of two sides on the seeds that both have run."""
    seeds = sorted(_seeds(root, name) & _seeds(root, other))
    runs = RunsFolder(root / "confirm")
    if not seeds:
        return None
    try:
        ours, theirs = (runs.scores(side, seeds, split) for side in (name, other))
    except (RunError, ValueError):
        return None
    return (ours, theirs) if ours.shape == theirs.shape else None


def _seeds(root: Path, side: str) -> set[int]:
    runs, found = RunsFolder(root / "confirm"), set()
    for folder in runs.root.glob(f"{side}-s*"):
        seed = folder.name.removeprefix(f"{side}-s")
        if seed.isdecimal():
            run = FreshRun(side, int(seed))
            is_scored = all((folder / f"{split}.npy").is_file() for split in SPLITS)
            if is_scored and runs.has_ended(run) and not runs.failure(run):
                found.add(run.seed)
    return found
