"""The verb that tells what a search would take."""

import json
import math
from typing import Annotated

import typer

from softnce.errors import ConfigError
from softnce.terminal.output import say
from tune_spaces.sources.config import config_path, source_name
from tune_spaces.sources.options import ConfigArgument, SettingsOption


def plan(
    config: ConfigArgument = None,
    settings: SettingsOption = None,
    usd_per_gpu_hour: Annotated[
        float | None, typer.Option(help="Price of a GPU in US dollars per hour.")
    ] = None,
    as_json: Annotated[  # noqa: FBT002
        bool, typer.Option("--json", help="Print one JSON object instead of a table.")
    ] = False,
) -> None:
    """What would a search take? Time, GPU hours, price, disk and memory, measured where it runs.

    That is this machine, or the cluster at RAY_ADDRESS. Some real steps are trained in a temporary
    folder, of which nothing stays.
    """
    if usd_per_gpu_hour is not None and not 0 <= usd_per_gpu_hour < math.inf:
        raise ConfigError(
            f"--usd-per-gpu-hour {usd_per_gpu_hour:g}: not a price", "give a number from 0 up"
        )
    path = config_path(config)
    from softnce.config.file import load_config

    resolved = load_config(path, settings or [])  # a mistake is told before seconds of imports
    from tune_spaces.ray_session import session

    session.quiet_environment()
    from softnce.terminal.console import terminal
    from tune_spaces.planning.plan import planned
    from tune_spaces.planning.show import assumptions, plan_lines

    source = source_name(path, resolved.data.path)
    console = terminal(quiet=as_json)
    found = planned(resolved, console, source=source, usd_per_gpu_hour=usd_per_gpu_hour)
    if as_json:
        say(json.dumps({"study": source, **found.facts()}, allow_nan=False))
        return
    lines = plan_lines(found)
    width = max(len(name) for name, _ in lines)
    say(f"\nPlan of {source}:")
    for name, value in lines:
        say(f"  {name:<{width}}  {value}")
    say(f"\n{assumptions(found)}")
