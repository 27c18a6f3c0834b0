"""The Ray Tune run of a study: trials in, endings told, nothing else."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ray import tune

from softnce.config.config import Config
from softnce.inputs.prepare import Prepared
from tune_spaces.ray_session import session
from tune_spaces.study.context import StudyContext
from tune_spaces.study.trial_store import Proposal, TrialStore
from tune_spaces.tune.callbacks import Watcher
from tune_spaces.tune.searcher import Plan, Relay, StopSwitch, StudySearcher, asha
from tune_spaces.tune.trial import InlineTrial, TrainTrial
from tune_spaces.tune.waiting import WaitingRoom

log = logging.getLogger(__name__)
_OWNERS_MEMORY = 1024**2  # bytes that the process which owns a Ray Train run reserves


@dataclass(frozen=True)
class Desk:
    """Who takes part in a search besides the trials.

    Attributes:
        ledger: the study's memory.
        switch: ends the search early.
        watchers: are told what happens.
    """

    ledger: TrialStore
    switch: StopSwitch
    watchers: Sequence[Watcher]


def tune_study(job: StudyContext, prepared: Prepared, desk: Desk, *, at_once: int) -> None:
    """Run trials until enough have ended or the switch is pressed.

    Args:
        job: the study.
        prepared: the trials' shared inputs.
        desk: ledger, switch and watchers.
        at_once: trials that run at the same time.
    """
    config = job.config
    past = desk.ledger.trials()
    plan = Plan(job.space.config, _assign(job, prepared), job.folder.trial, config.search.trials)
    searcher = StudySearcher(desk.ledger, plan, desk.switch, desk.watchers)
    uses_train = session.uses_train(config.resources)
    tuner = tune.Tuner(
        _trainable(config, uses_train=uses_train),
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=asha(config, past) if config.search.asha.enabled else None,
            num_samples=-1,
            max_concurrent_trials=at_once,
            reuse_actors=not uses_train,
        ),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=str(job.folder.root / "ray"),
            stop=desk.switch,
            callbacks=[Relay(searcher), _waiting_room(job)],
            failure_config=tune.FailureConfig(max_failures=1),
            verbose=0,
        ),
    )
    tuner.fit()
    if searcher.error is not None:
        job.console.print(searcher.error, style="yellow")


def _waiting_room(job: StudyContext) -> WaitingRoom:
    def tell(sentence: str) -> None:
        log.warning(sentence)
        job.console.print(sentence, style="yellow", soft_wrap=True)

    return WaitingRoom(job.config.resources, tell)


def _assign(job: StudyContext, prepared: Prepared) -> Any:  # noqa: ANN401  (Assign)
    def assign(proposal: Proposal) -> Mapping[str, Any]:
        return {
            "name": f"train-{proposal.key}",
            "config": job.space.config(proposal.values).model_dump(mode="json"),
            "prepared": prepared.as_dict(),
            "folder": str(job.folder.trial(proposal.key)),
        }

    return assign


def _trainable(config: Config, *, uses_train: bool) -> Any:  # noqa: ANN401  (Tune's own wrapper)
    """Reserve a trial's resources: its own when inline; Ray Train reserves the workers itself."""
    if uses_train:  # Tune wants something; a thousandth of a CPU would keep the last worker out
        return tune.with_resources(TrainTrial, {"memory": _OWNERS_MEMORY})
    return tune.with_resources(InlineTrial, session.worker_needs(config.resources))
