"""What a person is told about a search besides its trials."""

from rich.console import Console

from softnce.errors import EXIT_STOPPED
from tune_spaces.space.first_points import first_points
from tune_spaces.study.context import StudyContext


def tell_if_there_is_nothing_to_search(context: StudyContext) -> None:
    """Say that a search without a space ends after the first points."""
    settings = context.config.search
    first = len(first_points(context.space, settings.always_try, settings.noise_seed))
    if not settings.space and settings.trials > first:
        context.console.print(
            f"note: search.space is empty, so only {first} of {settings.trials} trials can run; "
            "name what to search, for example --set "
            "'search.space.loss/temperature={real: [0.01, 1], log: true}'",
            style="yellow",
            soft_wrap=True,
        )


def tell_if_no_gpu_is_reserved(context: StudyContext) -> None:
    """Say that a limit of GPU hours bounds nothing where trials reserve no GPU."""
    config = context.config
    if config.search.max_gpu_hours is not None and not config.resources.gpus_per_worker:
        context.console.print(
            "note: search.max_gpu_hours bounds nothing here, as trials reserve no GPU; to bound "
            "the time, set search.time_budget_s",
            style="yellow",
            soft_wrap=True,
        )


def tell_if_more_have_ended(context: StudyContext, ended: int) -> None:
    """Say that a study has more trials than are asked for."""
    if ended > context.config.search.trials:
        context.console.print(
            f"note: {ended} trials have ended, more than the {context.config.search.trials} that "
            "are asked for; nothing is left to search",
            soft_wrap=True,
        )


def tell_stop(console: Console, reason: str, code: int) -> None:
    """Say why a search ends early."""
    if code == EXIT_STOPPED:
        console.print(f"{reason}; the same command continues the study", style="yellow")
    else:
        console.print(f"stopped: {reason}", style="red", soft_wrap=True)
