"""The models that a study trains once, before its trials: the teacher and SimCSE."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from softnce.config.config import Config
from softnce.errors import SoftnceError
from softnce.inputs.frozen_models import FROZEN_MODELS, is_cached, vectors_key
from softnce.inputs.prepare import Prepared
from tune_spaces.space.space import SearchSpace
from tune_spaces.study.context import StudyContext
from tune_spaces.tracking.tracking import Tracker
from tune_spaces.tune.callbacks import METRICS, trial_params


def frozen_models(space: SearchSpace) -> list[str]:
    """Name the frozen models that some trial may use, in the order they are trained."""
    needed = space.models()
    return [model for model in FROZEN_MODELS if model in needed]


def with_model(
    model: str,
    job: StudyContext,
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
    key = vectors_key(model, job.config, prepared)
    prepared = replace(prepared, vectors={**prepared.vectors, model: key})
    if is_cached(model, prepared) or is_stopped():
        return prepared
    config = FROZEN_MODELS[model].configured(job.config)
    job.console.print(f"training the {model} with InfoNCE, once for all trials")
    tracker.begin(model, model, trial_params(config, {}), {"softnce.role": "frozen model"})
    try:
        _train(model, job, prepared, config, (tracker, is_stopped))
    except SoftnceError as error:
        tracker.end(model, "fail", error=str(error))
        raise
    tracker.end(model, "complete" if is_cached(model, prepared) else "interrupted")
    return prepared


def _train(
    model: str,
    job: StudyContext,
    prepared: Prepared,
    config: Config,
    around: tuple[Tracker, Callable[[], bool]],
) -> None:
    from softnce.distributed.worker import Assignment, supervise

    tracker, is_stopped = around
    assignment = Assignment(
        name=f"train-{model}",
        config=config.model_dump(mode="json"),
        prepared=FROZEN_MODELS[model].inputs(prepared).as_dict(),
        folder=str(job.folder.root / model),
        frozen=model,
    )

    def tell(report: Mapping[str, Any]) -> None:
        metric = job.config.search.metric if job.config.search.metric in report else "loss"
        job.console.print(
            f"  {model}: epoch {report['epoch']}/{config.optim.epochs}, "
            f"{metric} {report[metric]:.4f}"
        )
        metrics = {name: report[name] for name in METRICS if name in report}
        tracker.report(model, report["epoch"], metrics)

    supervise(assignment, tell=tell, should_stop=is_stopped)
