"""The audit of a set: leaks, duplicates, false negatives, and what estimators find of them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softnce.data.clones.groups import clones
from softnce.data.judged.judged_set import SetOptions
from softnce.data.judged.judgements import judgement_file
from softnce.data.pairs import PairSet, Reading
from softnce.diagnostics.audit.audited_set import AuditedSet, FileFacts, audited_set
from softnce.diagnostics.audit.duplicates import (
    DuplicateCounts,
    GroupedSet,
    Likeness,
    SplitLeak,
    across,
    inside,
    worst,
)
from softnce.diagnostics.audit.false_negatives import (
    BATCH_SIZES,
    BatchExpectation,
    duplicates_of_each,
    expectation,
    expectations,
)
from softnce.diagnostics.audit.gain import Ceiling, LargestGain, ceiling, largest_gain
from softnce.diagnostics.audit.judged_answers import judged_answers
from softnce.diagnostics.audit.precision import EstimatorPrecision, on_clones, on_judged
from softnce.diagnostics.human_agreement import judged_pairs
from softnce.diagnostics.requested import RequestedEstimators
from softnce.inputs.tables import duplicate_tables
from softnce.ragged import open_array
from softnce.weights.duplicates import code_groups, query_groups

Progress = Callable[[str, int, int], None]
_JUDGED = 2000  # pairs of each kind
_PHASES = 5


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """What is asked of an audit.

    Attributes:
        batch_size: pairs of a training batch.
        smallest_gain: worth having, in MRR.
        top: number of pairs to show of each kind.
        seed: of the samples.
        judged: a set of judged pairs, or of several answers per query, to test estimators on.
        cache: a study's, where its groups of duplicates are, or are put.
        is_stripped: whether docstrings are known to be taken out at reading, so that a query there
            is no fault.
    """

    batch_size: int = 128
    smallest_gain: float = 0.005
    top: int = 3
    seed: int = 0
    judged: Path | None = None
    cache: Path | None = None
    is_stripped: bool = False


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Attributes:
        name: of the set.
        digest: of its pairs.
        reading: what became of the rows of its files.
        facts: of its files.
        left: queries that still stand in their own code after reading, by split.
        duplicates: inside each split, and the codebase.
        leaks: between splits.
        batches: what random batches hold.
        gain: the most that weights could bring.
        ceilings: of the held-out splits.
        precisions: of the estimators.
        worst: pairs to look at.
        is_stripped: as in the options.
    """

    name: str
    digest: str
    reading: Reading
    facts: FileFacts
    left: dict[str, int]
    duplicates: dict[str, DuplicateCounts]
    leaks: list[SplitLeak]
    batches: list[BatchExpectation]
    gain: LargestGain | None
    ceilings: list[Ceiling]
    precisions: list[EstimatorPrecision]
    worst: list[Likeness]
    is_stripped: bool = False

    @property
    def faults(self) -> list[str]:
        """Say what a strict audit fails for."""
        found = []
        held, left = len(self.facts.leaks), sum(self.left.values())
        if left or (held and not self.is_stripped):
            found.append(f"queries in their own code: {held:,}, and {left:,} of them after reading")
        found += [
            f"{leak.involved:,} of {leak.rows:,} {leak.splits[1]} rows are known from "
            f"{leak.splits[0]}"
            for leak in self.leaks
            if leak.involved
        ]
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "data": self.name,
            "digest": self.digest,
            "faults": self.faults,
            "reading": asdict(self.reading),
            "query_in_code": {
                "as_found": len(self.facts.leaks),
                "after_reading": sum(self.left.values()),
                "examples": [asdict(one) for one in self.facts.leaks[:10]],
            },
            "duplicates": {
                name: {**asdict(one), "share": one.share} for name, one in self.duplicates.items()
            },
            "across_splits": [asdict(one) for one in self.leaks],
            "false_negatives": [asdict(one) for one in self.batches],
            "largest_gain": None
            if self.gain is None
            else {**asdict(self.gain), "verdict": self.gain.verdict},
            "ceilings": [asdict(one) for one in self.ceilings],
            "estimators": [asdict(one) for one in self.precisions],
            "worst": [asdict(one) for one in self.worst],
        }


def audited(
    path: Path,
    pairs: PairSet,
    facts: FileFacts,
    requested: RequestedEstimators,
    options: AuditOptions,
    progress: Progress,
) -> Audit:
    """Audit a set.

    Args:
        path: of the set.
        pairs: read from it.
        facts: of its files.
        requested: the estimators that are tested.
        options: what is asked.
        progress: is told of the phases.

    Raises:
        DataError: the judged pairs cannot be read.
        SetupError: a model cannot be loaded.
    """
    rows = audited_set(pairs, facts)
    progress("looking for duplicates", 1, _PHASES)
    found = clones(rows.codes, rows.languages, progress)
    grouped = GroupedSet(rows, found, _query_groups(rows))
    progress("counting false negatives", 2, _PHASES)
    groups = _training_groups(pairs, options.cache, progress)
    each = duplicates_of_each(*groups)
    ceilings = _ceilings(pairs)
    progress("testing estimators", 3, _PHASES)
    precisions = _precisions(path, pairs, groups, requested, options)
    progress("picking what to show", 4, _PHASES)
    return Audit(
        name=pairs.name,
        digest=pairs.digest,
        reading=pairs.reading,
        facts=facts,
        left=dict(rows.left),
        duplicates=inside(grouped),
        leaks=across(grouped),
        batches=expectations(each, BATCH_SIZES) if len(pairs.train) > 1 else [],
        gain=_gain(pairs, each, ceilings, options),
        ceilings=ceilings,
        precisions=precisions,
        worst=worst(grouped, facts, most=options.top),
        is_stripped=options.is_stripped,
    )


def _query_groups(rows: AuditedSet) -> dict[str, Sequence[int]]:
    """Group the queries of all splits together, so that equal numbers are duplicates anywhere."""
    groups = query_groups([text for split in rows.splits.values() for text in split.queries])
    found: dict[str, Sequence[int]] = {}
    start = 0
    for name, split in rows.splits.items():
        found[name] = groups[start : start + len(split.queries)]
        start += len(split.queries)
    return found


def _training_groups(
    pairs: PairSet, cache: Path | None, progress: Progress
) -> tuple[Sequence[int], Sequence[int]]:
    """Group the training pairs as the estimator ``duplicates`` does, once per study."""
    if cache is not None:
        name = duplicate_tables(pairs, cache, lambda said: progress(said, 2, _PHASES))
        queries, codes = (open_array(cache / name, side).tolist() for side in ("queries", "codes"))
        return queries, codes[: len(pairs.train)]
    train = pairs.train
    codes = code_groups([one.code for one in train], [one.language for one in train], progress)
    return query_groups([one.query for one in train]), codes


def _ceilings(pairs: PairSet) -> list[Ceiling]:
    return [
        ceiling(name, held.texts, held.answers, pairs.candidates)
        for name, held in (("valid", pairs.valid), ("test", pairs.test))
        if held.texts
    ]


def _gain(
    pairs: PairSet,
    each: NDArray[np.int64],
    ceilings: Sequence[Ceiling],
    options: AuditOptions,
) -> LargestGain | None:
    size = min(options.batch_size, len(pairs.train))
    if size < 2:
        return None
    return largest_gain(
        batch_size=size,
        lost=expectation(each, size).lost,
        pairs=len(pairs.train),
        best=ceilings[-1].mrr if ceilings else 1.0,
        smallest_gain=options.smallest_gain,
    )


def _precisions(
    path: Path,
    pairs: PairSet,
    groups: tuple[Sequence[int], Sequence[int]],
    requested: RequestedEstimators,
    options: AuditOptions,
) -> list[EstimatorPrecision]:
    size, seed = min(options.batch_size, len(pairs.train)), options.seed
    found = (
        on_clones(pairs.train, groups, requested, batch_size=size, seed=seed) if size > 1 else []
    )
    if path.is_dir():
        own = judged_pairs(path, pairs.train, most=_JUDGED, seed=seed)
        found += on_judged(own, "people", requested, batch_size=options.batch_size)
    if (store := options.judged or _with_judgements(path)) is not None:
        asked = SetOptions(split="all")
        truth, judged = judged_answers(store, asked, most=2 * _JUDGED, seed=seed)
        found += on_judged(judged, truth, requested, batch_size=options.batch_size)
    return found


def _with_judgements(path: Path) -> Path | None:
    """Return the set itself where people's judgements lie beside its splits."""
    return path if path.is_dir() and judgement_file(path, "all") is not None else None
