"""A confirmation run: who, how many fresh seeds, and whether it costs little enough to be asked."""

import hashlib
import json
import logging
import pickle
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from softnce.config.config import Config
from softnce.errors import DataError
from softnce.terminal.running import RunningPicture
from tune_spaces.confirm.contest import Contest, contest
from tune_spaces.confirm.ledger import read_number
from tune_spaces.confirm.outcome import JudgedRace, contest_table, judged_race, too_few_test_queries
from tune_spaces.confirm.race import Race
from tune_spaces.confirm.runs import SPLITS, FreshRun, RunsFolder, fresh_seeds
from tune_spaces.preparation.held_study import HeldStudy, with_models
from tune_spaces.space.settings_read import trained_with_any_seed
from tune_spaces.study.sizes import Sizes
from tune_spaces.study.verdicts.verdict import ResultRow, rows
from tune_spaces.trial_state import TrialState

if TYPE_CHECKING:
    from tune_spaces.tune.searcher import StopSwitch

log = logging.getLogger(__name__)
CANDIDATES = 2
_START_S = 10.0  # until the first run trains


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be confirmed, and how thoroughly.

    Attributes:
        seeds: fresh ones that a candidate runs at most.
        candidates: how many of the best configurations.
    """

    seeds: int
    candidates: int = CANDIDATES


def race_of(study: HeldStudy, table: Sequence[ResultRow], request: Request) -> Race:
    """Return the race that a request asks for, as far as it has been run.

    Args:
        study: in the hands of this process.
        table: its rows.
        request: who, and how many seeds.

    Raises:
        ConfigError: no trial of InfoNCE, or of any other loss, has completed.
    """
    found = contest(table, candidates=request.candidates)
    used = {row.config.optim.seed for row in table} | {study.context.config.search.noise_seed}
    runs = RunsFolder(study.context.folder.root / "confirm")
    return Race(found, fresh_seeds(used, request.seeds), runs)


def require_test_queries(sizes: Sizes, source: str) -> None:
    """Refuse a test split that can show nothing.

    Raises:
        DataError: it has fewer queries than a verdict needs.
    """
    why = too_few_test_queries(sizes)
    if why:
        found, _, cure = why.partition("; ")
        raise DataError(f"{source}: {found}", cure)


def expected_seconds(study: HeldStudy, race: Race, at_once: int) -> float:
    """Estimate how long a race takes if nobody is beaten.

    Args:
        study: whose whole trials tell how long a run takes.
        race: as far as it has been run.
        at_once: runs at the same time.
    """
    runs = [FreshRun(side, seed) for side in race.contest.sides for seed in race.seeds]
    left = sum(not race.runs.has_ended(run) for run in runs)
    return _START_S * bool(left) + left * _whole_trial_s(study) / at_once


def seconds_of_the_search(study: HeldStudy, at_once: int) -> float:
    """Return how long a study was searched, by this process or, if it went on, by all together.

    Args:
        study: in the hands of this process.
        at_once: trials that run at the same time.
    """
    whole = _whole_trial_s(study)
    durations = (one.duration for one in study.trial_store.trials())
    trained = sum(min(one.total_seconds(), whole) for one in durations if one is not None)
    return max(time.monotonic() - study.context.began, trained / at_once)


def _whole_trial_s(study: HeldStudy) -> float:
    """Return the seconds that a whole trial takes, the median of all: some were interrupted."""
    durations = [
        one.duration.total_seconds()
        for one in study.trial_store.trials()
        if one.duration is not None and TrialState.stored(one.state) == TrialState.COMPLETE
    ]
    return statistics.median(durations or [0.0])


def confirmed(
    study: HeldStudy, race: Race, sizes: Sizes, switch: "StopSwitch", at_once: int
) -> JudgedRace | None:
    """Run what is left of a race, and judge it; None where it was stopped.

    Args:
        study: in the hands of this process.
        race: as far as it has been run.
        sizes: of the study's data.
        switch: ends it early.
        at_once: runs at the same time.
    """
    settings, console = study.context.config.search, study.context.console
    reads = read_number(race.runs.root, _read_of(race))
    if race.standing().due:
        told = _told(race.contest, len(race.seeds), sizes)
        console.print(f"\n{told}", soft_wrap=True, highlight=False)
        log.info(told)
        _run(study, race, switch, at_once)
    standing = race.standing()
    if standing.due:
        return None
    found = judged_race(
        race,
        standing,
        sizes,
        metric=settings.metric,
        smallest_gain=settings.smallest_gain,
        reads=reads,
    )
    console.print()
    console.print(contest_table(found))
    return found


def _run(study: HeldStudy, race: Race, switch: "StopSwitch", at_once: int) -> None:
    from softnce.distributed.run import Assignment
    from tune_spaces.confirm.searcher import RaceSearcher, Sight
    from tune_spaces.tune.run import Start, run_tune

    context = study.context
    inputs = pickle.dumps(with_models(study, switch.is_pressed))

    def assign(run: FreshRun, config: Config) -> Assignment:
        folder = race.runs.folder(run)
        return Assignment(f"train-{run.key}", config, inputs, folder, splits=SPLITS)

    picture = _picture(study, race)
    sight = Sight(context.console, picture)
    searcher = RaceSearcher(race, assign, switch, study.tracker, sight)
    with picture:
        try:
            run_tune(context, Start(searcher, switch), at_once=at_once)
        finally:
            searcher.interrupt_rest()


def _picture(study: HeldStudy, race: Race) -> RunningPicture:
    """Return what draws the runs of a race; who is beaten leaves early, so fewer may be needed."""
    runs = [FreshRun(side, seed) for side in race.contest.sides for seed in race.seeds]
    return RunningPicture(
        study.context.console,
        "runs on fresh seeds",
        total=len(runs),
        done=sum(race.runs.has_ended(run) for run in runs),
        epochs=study.context.config.optim.epochs,
        last_line=lambda: "the test split is read at the end of each run",
    )


def _told(found: Contest, seeds: int, sizes: Sizes) -> str:
    candidates = ", ".join(found.opponents)
    opponents = ", ".join(name for name in found.sides if name not in found.opponents)
    return (
        f"confirming {candidates} against {opponents} on {seeds} fresh seeds and "
        f"{sizes.test:,} test queries among {sizes.candidates:,} candidates"
    )


def _read_of(race: Race) -> str:
    """Name what is read of the test split: who, with which settings, and which seeds."""
    sides = {
        name: repr(trained_with_any_seed(side.config)) for name, side in race.contest.sides.items()
    }
    whole = json.dumps([sides, list(race.seeds)], sort_keys=True)
    names = "+".join(sorted(race.contest.sides))
    return f"{names} x {len(race.seeds)} seeds, {hashlib.sha256(whole.encode()).hexdigest()[:12]}"


def table_of(study: HeldStudy) -> list[ResultRow]:
    """Return the rows of a study as they are now."""
    return rows(study.trial_store.trials(), study.context.space)
