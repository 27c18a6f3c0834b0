"""What a study of a table has found, line by line, beside what the paper printed."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

from softnce.config.config import Config
from softnce.config.file import value_at
from softnce.evidence.paired import PairedGain, paired_gain
from tune_spaces.reproduction.paper import BASELINE_ROW, averages, printed
from tune_spaces.reproduction.protocol import PaperRow
from tune_spaces.reproduction.reservations import differences, reservations
from tune_spaces.reproduction.setup import ReproductionRequest, point
from tune_spaces.space.space import known_space
from tune_spaces.study.folder import StudyFolder
from tune_spaces.study.sizes import stored_sizes
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.study.verdicts.verdict import ResultRow, rows
from tune_spaces.trial_state import TrialState


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table, ours beside the paper's.

    Attributes:
        key: of the row.
        name: as it is shown.
        paper: what the paper printed; None where it printed nothing.
        paper_average: of all six languages, where the table is of averages.
        by_seed: ours, one for each seed of the table: MRR of the test split, or seconds; None
            where the seed is not complete, or the table is of weights.
        complete: how many of its trials are.
        gain: of the line over InfoNCE, by the same seeds and queries; None where there is none.
        failed: why a trial of it failed; empty where none did.
        paper_plain: what the paper printed of InfoNCE.
    """

    key: str
    name: str
    paper: float | None
    paper_average: float | None
    by_seed: tuple[float | None, ...]
    complete: int
    gain: PairedGain | None = None
    failed: str = ""
    paper_plain: float | None = None

    @property
    def values(self) -> tuple[float, ...]:
        """Ours, of the seeds that are complete."""
        return tuple(value for value in self.by_seed if value is not None)

    @property
    def mean(self) -> float | None:
        """The mean over seeds."""
        return statistics.fmean(self.values) if self.values else None

    @property
    def spread(self) -> float | None:
        """The standard deviation over seeds; None with fewer than two."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    @property
    def gap(self) -> float | None:
        """Ours minus the paper's."""
        return None if self.mean is None or self.paper is None else self.mean - self.paper

    @property
    def paper_gain(self) -> float | None:
        """The paper's gain over InfoNCE."""
        if self.key == BASELINE_ROW or self.paper is None or self.paper_plain is None:
            return None
        return self.paper - self.paper_plain


@dataclass(frozen=True, slots=True)
class PaperComparison:
    """A table, ours beside the paper's.

    Attributes:
        request: what was asked for.
        study: its folder.
        lines: in the order of the table.
        reservations: why ours and the paper's cannot be compared like for like.
        differences: what a line does otherwise than the paper, at any scale.
        seeds: that were asked for.
        curves: of Figure 2: the mean weight by the rank of the negative, by the name of the line.
    """

    request: ReproductionRequest
    study: Path
    lines: Sequence[Line]
    reservations: Sequence[str]
    differences: Sequence[str]
    seeds: Sequence[int]
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)


def compared(request: ReproductionRequest, config: Config, folder: StudyFolder) -> PaperComparison:
    """Set what a study has found beside the paper's numbers.

    Args:
        request: what was asked for.
        config: of the study.
        folder: of the study.
    """
    protocol, space = request.protocol, known_space(config)
    stored = TrialStore(folder.stored_study(), space).trials()
    table = rows(stored, space)
    paper = printed(request.table, request.model, request.language)
    mean_of_six = averages(request.model) if request.table == "table2" else {}
    found = {row.key: _trials(request, config, table, row) for row in protocol.rows}
    ranks = {key: _ranks(folder, trials) for key, trials in found.items()}
    seconds = _step_seconds(stored) if protocol.unit == "seconds" else {}
    lines = []
    for row in protocol.rows:
        trials, own = found[row.key], ranks[row.key]
        values = {seed: float(one.mean()) for seed, one in own.items()}
        values |= {s: seconds[one.key] for s, one in trials.items() if one.key in seconds}
        line = Line(
            key=row.key,
            name=row.name,
            paper=paper.get(row.key),
            paper_average=mean_of_six.get(row.key),
            by_seed=tuple(map(values.get, request.trained_seeds)),
            complete=sum(one.state == TrialState.COMPLETE for one in trials.values()),
            gain=None if row.key == BASELINE_ROW else _gain(own, ranks[BASELINE_ROW]),
            failed=next((t.note for t in trials.values() if t.state == TrialState.FAILED), ""),
            paper_plain=paper.get(BASELINE_ROW),
        )
        lines.append(line)
    return PaperComparison(
        request=request,
        study=folder.root,
        lines=lines,
        reservations=reservations(request, config, stored_sizes(folder.root)),
        differences=differences(request, config),
        seeds=request.trained_seeds,
    )


def _trials(
    request: ReproductionRequest, config: Config, table: Sequence[ResultRow], row: PaperRow
) -> dict[int, ResultRow]:
    """Return the trials of a line by their seeds."""
    found = {}
    for seed in request.trained_seeds:
        wanted = point(config, row, seed)
        for one in table:
            if all(value_at(one.config, path) == value for path, value in wanted.items()):
                found[seed] = one
    return found


def _ranks(folder: StudyFolder, trials: Mapping[int, ResultRow]) -> dict[int, NDArray[np.float64]]:
    """Return (queries,) reciprocal ranks of the test split by seed, of the complete trials."""
    found = {}
    for seed, one in trials.items():
        path = folder.trial(one.key) / "test.npy"
        if one.state == TrialState.COMPLETE and path.is_file():
            found[seed] = np.load(path, allow_pickle=False)
    return found


def _gain(
    ranks: Mapping[int, NDArray[np.float64]], plain: Mapping[int, NDArray[np.float64]]
) -> PairedGain | None:
    shared = [seed for seed in ranks if seed in plain]
    if not shared:
        return None
    return paired_gain(np.stack([ranks[seed] - plain[seed] for seed in shared]))


def _step_seconds(trials: Sequence[FrozenTrial]) -> dict[str, float]:
    """Return the seconds of a training step by the key of the trial, of the complete ones."""
    found: dict[str, float] = {}
    for one in trials:
        known: dict[str, Any] = one.user_attrs
        if one.state == TrialState.COMPLETE.in_optuna and known.get("step_seconds") is not None:
            found[known["key"]] = float(known["step_seconds"])
    return found
