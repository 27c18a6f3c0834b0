"""The models that a study trains once, before its trials: the teacher and SimCSE."""

import logging
import pickle
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from softnce.errors import SoftnceError
from softnce.evaluation.metric_names import EPOCH_METRICS
from softnce.inputs.frozen_models import FROZEN_MODELS, is_cached, vectors_key
from softnce.inputs.prepared import Prepared
from softnce.terminal.running import RunningPicture
from softnce.weights.table import ESTIMATORS
from tune_spaces.space.space import SearchSpace
from tune_spaces.study.context import StudyContext
from tune_spaces.tracking.tracker import Tracker
from tune_spaces.trial_state import TrialState
from tune_spaces.tune.callbacks import trial_params

log = logging.getLogger(__name__)


def frozen_models(space: SearchSpace) -> list[str]:
    """Name the frozen models that some trial may use, in the order they are trained."""
    needed = space.models()
    return [model for model in FROZEN_MODELS if model in needed]


def with_model(
    model: str,
    context: StudyContext,
    prepared: Prepared,
    tracker: Tracker,
    is_stopped: Callable[[], bool],
) -> Prepared:
    """Train one of the study's frozen models under Ray Train, and cache its vectors, once.

    It is a run of the study in MLflow, and goes on where it was after an interruption.

    Returns:
        The prepared inputs, which know the model's vectors.

    Raises:
        RunError: its training failed.
    """
    key = vectors_key(model, context.config, prepared)
    prepared = replace(prepared, vectors={**prepared.vectors, model: key})
    if is_cached(model, prepared) or is_stopped():
        return prepared
    config = FROZEN_MODELS[model].configured(context.config)
    said = f"training {ESTIMATORS[model].label} with InfoNCE, once for all trials"
    context.console.print(said)
    log.info(said)
    tracker.begin(model, model, trial_params(config, {}), {"softnce.role": "frozen model"})
    try:
        _train(model, context, prepared, tracker, is_stopped)
    except SoftnceError as error:
        tracker.end(model, TrialState.FAILED, error=str(error))
        raise
    is_whole = is_cached(model, prepared)
    tracker.end(model, TrialState.COMPLETE if is_whole else TrialState.INTERRUPTED)
    return prepared


def _train(
    model: str,
    context: StudyContext,
    prepared: Prepared,
    tracker: Tracker,
    is_stopped: Callable[[], bool],
) -> None:
    from softnce.distributed.run import Assignment, supervise

    config = FROZEN_MODELS[model].configured(context.config)
    assignment = Assignment(
        name=f"train-{model}",
        config=config,
        inputs=pickle.dumps(FROZEN_MODELS[model].inputs(prepared)),
        folder=context.folder.root / model,
        frozen=model,
    )

    picture = RunningPicture(
        context.console, "frozen models", total=1, done=0, epochs=config.optim.epochs
    )

    def tell(report: Mapping[str, Any]) -> None:
        metric = context.config.search.metric if context.config.search.metric in report else "loss"
        said = f"{model}: epoch {report['epoch']}/{config.optim.epochs}, {metric}"
        context.console.print(f"  {said} {report[metric]:.4f}")
        log.info("%s %.4f", said, report[metric])
        picture.tell(model, report[metric])
        metrics = {name: report[name] for name in EPOCH_METRICS if name in report}
        tracker.report(model, report["epoch"], metrics | report.get("usage", {}))

    with picture:
        picture.begin(model, model, assignment.folder)
        supervise(assignment, tell=tell, should_stop=is_stopped)
