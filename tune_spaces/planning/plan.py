"""What a search would take: its inputs prepared once, its rates measured where it would run."""

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from softnce.config.config import Config
from softnce.config.file import with_overrides
from softnce.config.sections.data import BM25, TEACHER
from softnce.errors import ConfigError
from softnce.evidence.verdict import FEWEST_QUERIES
from softnce.inputs.frozen_models import FROZEN_MODELS
from softnce.losses.table import BASELINE
from tune_spaces.confirm.phase import CANDIDATES
from tune_spaces.planning import estimates
from tune_spaces.planning.estimates import Rates, StudySize, expected_epochs
from tune_spaces.planning.measuring import folder_bytes, measured
from tune_spaces.planning.room import HERE, Room, processes, room_for
from tune_spaces.preparation.held_study import prepared_inputs
from tune_spaces.preparation.study_pairs import mined, read
from tune_spaces.ray_session import nodes
from tune_spaces.ray_session.capacity import uses_train
from tune_spaces.space.fair_opponent import unread_by_infonce
from tune_spaces.space.first_points import first_points
from tune_spaces.space.space import SearchSpace, search_space
from tune_spaces.study.context import StudyContext
from tune_spaces.study.folder import StudyFolder

if TYPE_CHECKING:
    from softnce.inputs.prepared import Prepared

_LEAST_SHARE = 0.1  # of the trials, that is measured with an estimator
_AUTO_SHARE = 0.5  # of the search, up to which a confirmation is its end
_TRAIN_STARTS = 2  # under Ray Train: the trial's owner, then its workers


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """What a search would take.

    Attributes:
        rates: measured.
        size: of the study.
        losses: that were measured.
        test: queries of the test split.
        candidates: that a confirmation judges.
        seeds: fresh ones of the confirmation.
        confirm: ``search.confirm``.
        epochs: of a trial that may be stopped early, on average.
        usd_per_gpu_hour: price; None: unknown.
        place: where it was measured.
    """

    rates: Rates
    size: StudySize
    losses: tuple[str, ...]
    test: int
    candidates: int
    seeds: int
    confirm: str
    epochs: float
    usd_per_gpu_hour: float | None = None
    place: str = HERE

    def facts(self) -> dict[str, Any]:
        """Return the estimates as plain values: seconds, GB, hours, US dollars."""
        rates, size = self.rates, self.size
        opening = estimates.opening_seconds(rates) + estimates.model_seconds(rates, size)
        search = opening + estimates.search_seconds(rates, size, self.epochs)
        unstopped = opening + estimates.search_seconds(rates, size, size.epochs)
        confirming = estimates.confirm_seconds(rates, size)
        is_within = self.confirm == "always" or confirming <= _AUTO_SHARE * search
        is_confirmed = self.confirm != "never" and bool(size.confirm_runs) and is_within
        own = confirming if is_confirmed else 0.0
        hours = estimates.gpu_hours(rates, size, self.epochs, is_confirmed=is_confirmed)
        price = None if self.usd_per_gpu_hour is None else hours * self.usd_per_gpu_hour
        gain = None
        if self.test >= FEWEST_QUERIES:
            gain = estimates.smallest_gain(self.seeds, self.test, candidates=self.candidates)
        return {
            "seconds": search + own,
            "seconds_without_early_stopping": unstopped + own,
            "search_seconds": search,
            "confirm_seconds": confirming,
            "confirms": is_confirmed,
            "smallest_gain_shown": gain,
            "confirm_seeds": self.seeds,
            "test_queries": self.test,
            "trials": size.trials,
            "trials_at_once": size.at_once,
            "trial_seconds": estimates.trial_seconds(rates, size, size.epochs),
            "epochs_per_trial": self.epochs,
            "preparation_seconds": rates.preparation,
            "model_seconds": estimates.model_seconds(rates, size),
            "step_seconds": rates.step,
            "steps_per_epoch": size.steps,
            "evaluation_seconds": rates.evaluation,
            "process_start_seconds": rates.start,
            "gpu_hours": hours,
            "usd": price,
            "disk_gb": estimates.disk_bytes(rates, size) / 1e9,
            "memory_gb": size.at_once * rates.memory_gb,
            "memory_gb_per_trial": rates.memory_gb,
            "losses_measured": list(self.losses),
            "measured_on": self.place,
        }


def planned(
    config: Config, console: Console, *, source: str, usd_per_gpu_hour: float | None = None
) -> SearchPlan:
    """Prepare the inputs of a search, measure its rates where it runs, and leave nothing behind.

    That is the cluster at RAY_ADDRESS, or the caller's Ray session, else this machine. A cache that
    ``resources.cache`` names is used, and keeps what the search would put there.

    Args:
        config: of the study.
        console: where to show what is being done.
        source: names the study.
        usd_per_gpu_hour: price of a GPU.

    Raises:
        ConfigError: the space or a setting is wrong.
        DataError: the data cannot be read, or are too few.
        RunError: a training step failed.
        SetupError: a trial does not fit this machine, or a model is out of reach.
    """
    if config.data.negatives_from == TEACHER:  # which a plan does not train; steps are the same
        config = with_overrides(config, {"data/negatives_from": BM25})
    space = search_space(config)
    configs = measured_configs(config, space)
    with room_for(config) as room:
        root = Path(tempfile.mkdtemp(prefix="softnce-plan-", dir=room.shared))
        try:
            context = StudyContext(config, StudyFolder(root, source), space, console)
            rates, prepared, tests = _measured(context, configs, room)
        finally:
            shutil.rmtree(root, ignore_errors=True)
    size = study_size(config, space, prepared, tests=tests, at_once=room.at_once)
    return SearchPlan(
        rates=rates,
        size=size,
        losses=tuple(one.loss.name for one, _ in configs),
        test=tests,
        candidates=_candidates(config),
        seeds=config.search.confirm_seeds,
        confirm=config.search.confirm,
        epochs=epochs_on_average(config),
        usd_per_gpu_hour=usd_per_gpu_hour,
        place=room.place,
    )


def _measured(
    context: StudyContext, configs: Sequence[tuple[Config, float]], room: Room
) -> tuple[Rates, "Prepared", int]:
    """Prepare and measure in a study's folder; also return its inputs and its test queries."""
    root, began = context.folder.root, time.monotonic()
    pairs = read(context) or mined(context)
    prepared = prepared_inputs(context, pairs)
    preparation, prepared_bytes = time.monotonic() - began, folder_bytes(root)
    names = " and ".join(one.loss.name for one, _ in configs)
    told = f"measuring steps of {names} on {room.place}, {room.at_once} trials at once"
    context.console.print(told, highlight=False, soft_wrap=True)
    if room.needs is not None:
        nodes.require_shared(root)
    found = dict(
        measured(
            configs,
            prepared,
            root / "measured",
            processes=processes(context.config, room.at_once),
            needs=room.needs,
        )
    )
    rates = Rates(
        checkpoint_bytes=int(found.pop("checkpoint_bytes")),
        prepared_bytes=prepared_bytes,
        preparation=preparation,
        **found,
    )
    return rates, prepared, len(pairs.test.texts)


def epochs_on_average(config: Config) -> float:
    """Return the epochs of a trial that may be stopped early, on average."""
    rules, epochs = config.search.asha, config.optim.epochs
    if not rules.enabled:
        return float(epochs)
    return expected_epochs(epochs, rules.grace_epochs, rules.reduction)


def measured_configs(config: Config, space: SearchSpace) -> list[tuple[Config, float]]:
    """Return the configurations to measure: InfoNCE, and a loss with an estimator if there is one.

    With each stands its share of the trials. An estimator that reads a frozen model adds a product
    of vectors only, and counts as InfoNCE.

    Args:
        config: of the study.
        space: what it searches.
    """
    plain = with_overrides(config, {"loss/name": BASELINE})
    names = sorted(str(one) for one in space.possible("loss/name") if one != BASELINE)
    for name in names:
        for estimator in ("bm25", "duplicates"):
            changes = {"loss/name": name, "weights/estimator": estimator}
            try:
                other = with_overrides(config, changes)
            except ConfigError:
                continue
            if not set(other.models) & set(FROZEN_MODELS):
                asked = space.possible("weights/estimator")
                share = (1 - config.search.infonce_share) * len(asked - set(FROZEN_MODELS))
                share = max(share / max(1, len(asked)), _LEAST_SHARE)
                return [(plain, 1 - share), (other, share)]
    return [(plain, 1.0)]


def study_size(
    config: Config, space: SearchSpace, prepared: "Prepared", *, tests: int, at_once: int
) -> StudySize:
    """Count what a study does.

    Args:
        config: of the study.
        space: what it searches.
        prepared: its inputs.
        tests: queries of the test split.
        at_once: trials that run at the same time.
    """
    search, optim, resources = config.search, config.optim, config.resources
    sample = prepared.validated_on
    looked_at = sample.queries + sample.candidates if sample else prepared.valid
    texts = max(1, looked_at)
    models = [one for one in FROZEN_MODELS if one in space.models()]
    first = len(first_points(space, search.always_try, search.noise_seed))
    candidates = _candidates(config)
    sides = candidates + 1 + candidates * _is_anything_shared(config, space)
    can_confirm = tests >= FEWEST_QUERIES and len(space.possible("loss/name")) > 1
    return StudySize(
        trials=search.trials if search.space else min(search.trials, first),
        spared=min(first, search.trials),
        epochs=optim.epochs,
        steps=max(1, min(prepared.train // optim.batch_size, optim.max_steps or prepared.train)),
        evaluate_every=min(optim.evaluate_every, optim.epochs),
        at_once=at_once,
        gpus=resources.workers * resources.gpus_per_worker,
        model_epochs=sum(_model_epochs(config, one) for one in models),
        model_encodings=len(models) * 2 * prepared.train / texts,
        confirm_runs=sides * search.confirm_seeds if can_confirm else 0,
        exact_evaluations=(prepared.valid + tests + 2 * prepared.candidates) / texts,
        kept=search.keep_top,
        starts_per_trial=_TRAIN_STARTS if uses_train(resources) else 0,
    )


def _candidates(config: Config) -> int:
    return min(CANDIDATES, max(1, config.search.trials - 1))


def _is_anything_shared(config: Config, space: SearchSpace) -> bool:
    """Tell whether a candidate's own settings with InfoNCE may be another InfoNCE than the best."""
    own = unread_by_infonce(config, space.dimensions, always=True)
    return bool(space.dimensions.keys() - own - {"loss/name"})


def _model_epochs(config: Config, model: str) -> int:
    return int(FROZEN_MODELS[model].configured(config).optim.epochs)
