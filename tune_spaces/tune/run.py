"""The Ray Tune run of a study: it starts trials and reports how they end, nothing else."""

import logging
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ray import tune
from ray.tune.schedulers import ASHAScheduler

from softnce.config.config import Config
from softnce.distributed.run import Assignment
from softnce.inputs.prepared import Prepared
from tune_spaces.ray_session.capacity import uses_train, worker_needs
from tune_spaces.study.context import StudyContext
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.tune.callbacks import Watcher
from tune_spaces.tune.gpu_meter import GPUMeterCallback
from tune_spaces.tune.scheduler import asha
from tune_spaces.tune.searcher import (
    Assign,
    Plan,
    SearcherCallback,
    StopSwitch,
    StudySearcher,
    TuneSearcher,
)
from tune_spaces.tune.trial import InlineTrial, TrainTrial
from tune_spaces.tune.waiting import WaitingRoom

log = logging.getLogger(__name__)
_OWNERS_MEMORY = 1024**2  # bytes that the process which owns a Ray Train run reserves


@dataclass(frozen=True)
class Participants:
    """Who takes part in a search besides the trials.

    Attributes:
        trial_store: the study's memory.
        switch: ends the search early.
        watchers: are told what happens.
    """

    trial_store: TrialStore
    switch: StopSwitch
    watchers: Sequence[Watcher]


@dataclass(frozen=True)
class Start:
    """What Tune is started with.

    Attributes:
        searcher: hands out what to train, and is shown every result.
        switch: ends it early.
        scheduler: stops weak trials; None lets all run to their end.
    """

    searcher: TuneSearcher
    switch: StopSwitch
    scheduler: ASHAScheduler | None = None


def tune_study(
    context: StudyContext, prepared: Prepared, participants: Participants, *, at_once: int
) -> None:
    """Run trials until enough have ended or the switch is pressed.

    Args:
        context: the study.
        prepared: the trials' shared inputs.
        participants: trial store, switch and watchers.
        at_once: trials that run at the same time.
    """
    config = context.config
    trial_store, switch = participants.trial_store, participants.switch
    plan = Plan(context.space.config, _assign(context, prepared), config.search.trials)
    searcher = StudySearcher(trial_store, plan, switch, participants.watchers)
    scheduler = asha(config, trial_store.trials()) if config.search.asha.enabled else None
    start = Start(searcher, switch, scheduler)
    try:
        run_tune(context, start, at_once=at_once)
    finally:
        searcher.interrupt_rest()
    if searcher.error is not None:
        context.console.print(searcher.error, style="yellow")


def run_tune(context: StudyContext, start: Start, *, at_once: int) -> None:
    """Let Tune start what a searcher hands out, until it has nothing more or the switch is pressed.

    Args:
        context: the study.
        start: who takes part.
        at_once: trials that run at the same time.
    """
    config = context.config
    is_under_train = uses_train(config.resources)
    meter = start.switch.meter
    metering = [] if meter is None else [GPUMeterCallback(meter)]
    tuner = tune.Tuner(
        _trainable(config, is_under_train=is_under_train),
        tune_config=tune.TuneConfig(
            search_alg=start.searcher,
            scheduler=start.scheduler,
            num_samples=-1,
            max_concurrent_trials=at_once,
            reuse_actors=not is_under_train,
            trial_dirname_creator=trial_folder,
        ),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=str(context.folder.root / "ray"),
            stop=start.switch,
            callbacks=[SearcherCallback(start.searcher), _waiting_room(context), *metering],
            failure_config=tune.FailureConfig(max_failures=1),
            verbose=0,
        ),
    )
    try:
        tuner.fit()
    finally:
        if meter is not None:
            meter.end_all()


def trial_folder(trial: Any) -> str:  # noqa: ANN401  (Tune's own)
    """Name the folder of Tune's notes about a trial: t0007-1a2b3c4d, not all of its settings."""
    assignment: Assignment = trial.config["assignment"]
    return f"{assignment.folder.name}-{trial.trial_id}"


def _waiting_room(context: StudyContext) -> WaitingRoom:
    def tell(sentence: str) -> None:
        log.warning(sentence)
        context.console.print(sentence, style="yellow", soft_wrap=True)

    return WaitingRoom(context.config.resources, tell)


def _assign(context: StudyContext, prepared: Prepared) -> Assign:
    inputs = pickle.dumps(prepared)
    splits = ("test",) if context.config.search.score_test else ()

    def assign(key: str, config: Config) -> Assignment:
        folder = context.folder.trial(key)
        return Assignment(f"train-{key}", config, inputs, folder, splits=splits)

    return assign


def _trainable(config: Config, *, is_under_train: bool) -> Any:  # noqa: ANN401  (Tune's own wrapper)
    """Reserve a trial's resources: its own when inline; Ray Train reserves the workers itself."""
    if is_under_train:  # Tune wants something; a thousandth of a CPU would keep the last worker out
        return tune.with_resources(TrainTrial, {"memory": _OWNERS_MEMORY})
    return tune.with_resources(InlineTrial, worker_needs(config.resources))
