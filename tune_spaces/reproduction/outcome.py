"""What a study of a table has found, line by line, beside what the paper printed."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softnce.config.file import value_at
from softnce.data.public.known_sets import FILTERED
from softnce.evidence.paired import PairedGain, paired_gain
from tune_spaces.reproduction.paper import BASELINE_ROW, averages, printed
from tune_spaces.reproduction.protocol import PAPER_SEEDS, PaperRow
from tune_spaces.reproduction.setup import COSINE_T, ReproductionRequest, point
from tune_spaces.space.space import known_space
from tune_spaces.study.folder import StudyFolder
from tune_spaces.study.sizes import Sizes, stored_sizes
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.study.verdicts.verdict import ResultRow
from tune_spaces.trial_state import TrialState


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table, ours beside the paper's.

    Attributes:
        key: of the row.
        name: as it is shown.
        paper: what the paper printed; None where it printed nothing.
        paper_average: of all six languages, where the table is of averages.
        values: ours, one for each seed that is complete: MRR of the test split, or seconds.
        gain: of the line over InfoNCE, by the same seeds and queries; None where there is none.
        failed: why a trial of it failed; empty where none did.
        paper_plain: what the paper printed of InfoNCE.
    """

    key: str
    name: str
    paper: float | None
    paper_average: float | None
    values: tuple[float, ...]
    gain: PairedGain | None = None
    failed: str = ""
    paper_plain: float | None = None

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
        seeds: that were asked for.
        curves: of Figure 2: the mean weight by the rank of the negative, by the name of the line.
    """

    request: ReproductionRequest
    study: Path
    lines: Sequence[Line]
    reservations: Sequence[str]
    seeds: Sequence[int]
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)


def compared(
    request: ReproductionRequest, folder: StudyFolder, table: Sequence[ResultRow]
) -> PaperComparison:
    """Set what a study has found beside the paper's numbers.

    Args:
        request: what was asked for.
        folder: of the study.
        table: its rows.
    """
    paper = printed(request.table, request.model, request.language)
    mean_of_six = averages(request.model) if request.table == "table2" else {}
    seconds = _step_seconds(folder, table) if request.protocol.unit == "seconds" else None
    plain = _ranks(folder, _trials(request, table, request.protocol.rows[0]))
    lines = []
    for row in request.protocol.rows:
        trials = _trials(request, table, row)
        ranks = _ranks(folder, trials)
        values = {seed: float(one.mean()) for seed, one in ranks.items()}
        if seconds is not None:
            values = {s: seconds[one.key] for s, one in trials.items() if one.key in seconds}
        line = Line(
            key=row.key,
            name=row.name,
            paper=paper.get(row.key),
            paper_average=mean_of_six.get(row.key),
            values=tuple(values.values()),
            gain=None if row.key == BASELINE_ROW or seconds is not None else _gain(ranks, plain),
            failed=next((t.note for t in trials.values() if t.state == TrialState.FAILED), ""),
            paper_plain=paper.get(BASELINE_ROW),
        )
        lines.append(line)
    known = _reservations(request, stored_sizes(folder.root))
    return PaperComparison(request, folder.root, lines, known, request.trained_seeds)


def _trials(
    request: ReproductionRequest, table: Sequence[ResultRow], row: PaperRow
) -> dict[int, ResultRow]:
    """Return the trials of a line by their seeds."""
    found = {}
    for seed in request.trained_seeds:
        wanted = point(request, row, seed)
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


def _step_seconds(folder: StudyFolder, table: Sequence[ResultRow]) -> dict[str, float]:
    """Return the seconds of a training step by the key of the trial."""
    config = table[0].config if table else None
    if config is None:
        return {}
    store = TrialStore(folder.stored_study(), known_space(config))
    known: dict[str, Any] = {
        one.user_attrs["key"]: one.user_attrs.get("step_seconds") for one in store.trials()
    }
    return {key: float(value) for key, value in known.items() if value is not None}


def _reservations(request: ReproductionRequest, sizes: Sizes | None) -> list[str]:
    protocol, found = request.protocol, []
    if request.scale == "small":
        found.append(
            f"a small {_named(request.encoder)} stands for {request.model}, and cosines over 0.05 "
            f"for dot products; the trained model's t is {COSINE_T:g}"
        )
    if sizes is not None:
        counts = FILTERED[request.language]
        if (sizes.test, sizes.candidates) != (counts["test"], counts["codebase"]):
            found.append(
                f"{sizes.test:,} test queries among {sizes.candidates:,} functions, not "
                f"{counts['test']:,} among {counts['codebase']:,}"
            )
    if protocol.language and request.language != protocol.language:
        found.append(f"the paper has it for {protocol.language}, this is {request.language}")
    if request.trained_seeds[: protocol.seeds] != PAPER_SEEDS[: protocol.seeds]:
        found.append(f"{len(request.trained_seeds)} of the paper's {protocol.seeds} seeds")
    if request.settings:
        found.append(f"settings of one's own: {', '.join(request.settings)}")
    return found


def _named(encoder: str) -> str:
    return "static encoder" if encoder == "static" else f"encoder ({Path(encoder).name})"
