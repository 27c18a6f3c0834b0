"""The verb that confirms a study."""

import json
from typing import Annotated

import typer

from softnce.terminal.output import say
from tune_spaces.sources.options import StudyArgument


def confirm(
    study: StudyArgument = None,
    seeds: Annotated[
        int | None, typer.Option(min=2, max=1000, help="Fresh seeds; search.confirm_seeds without.")
    ] = None,
    candidates: Annotated[
        int | None, typer.Option(min=1, max=100, help="How many of the best configurations; 2.")
    ] = None,
    time_budget: Annotated[
        str | None, typer.Option(help="Stop after 90s, 30m or 2h; the same command goes on.")
    ] = None,
    as_json: Annotated[  # noqa: FBT002
        bool, typer.Option("--json", help="Print one JSON object instead of tables.")
    ] = False,
) -> None:
    """Is the gain real? The best of a study against InfoNCE, on fresh seeds and the test split."""
    from softnce.terminal.console import terminal
    from tune_spaces.commands.search import interruptible, seconds
    from tune_spaces.ray_session import session

    budget = None if time_budget is None else seconds(time_budget)
    session.quiet_environment()
    from tune_spaces.search.confirm_study import confirm as run

    with interruptible():
        console = terminal(quiet=as_json)
        found = run(study, console, seeds=seeds, candidates=candidates, time_budget_s=budget)
    if as_json:
        say(json.dumps({"sentence": found.sentence, **found.facts}, allow_nan=False))
    raise typer.Exit(found.exit_code)
