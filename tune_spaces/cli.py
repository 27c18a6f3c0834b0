"""The verbs about searching; each is a few lines that call down."""

import re
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from softnce.errors import ConfigError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def search(
    config: Annotated[
        str | None,
        typer.Argument(help="A YAML file, or a preset's name; the preset quick without it."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="a.b=c", help="Change a setting; may be repeated."),
    ] = None,
    trials: Annotated[int | None, typer.Option(help="How many trials shall end.")] = None,
    time_budget: Annotated[
        str | None, typer.Option(help="Stop after 90s, 30m or 2h; the study can be continued.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the study.")] = None,
) -> None:
    """Search the loss that makes your encoder retrieve best, or continue a search."""
    path = config_path(config)
    changes = list(settings or [])
    if trials is not None:
        changes.append(f"search.trials={trials}")
    if time_budget is not None:
        changes.append(f"search.time_budget_s={seconds(time_budget)}")
    from softnce.configfile import load_config

    resolved = load_config(path, changes)  # a mistake is told before seconds of imports
    from tune_spaces import session

    session.quiet_environment()
    from tune_spaces.search import search as run

    study = run(resolved, source=source_name(path, resolved.data.path), out=out)
    _next_commands(study.folder.root, has_champion=study.champion is not None)
    raise typer.Exit(study.exit_code)


def config_path(config: str | None) -> Path:
    """Find the configuration: a file, or the preset of that name.

    Raises:
        ConfigError: it is neither.
    """
    if config is not None and (config.endswith((".yaml", ".yml")) or Path(config).is_file()):
        return Path(config)
    presets = files("tune_spaces") / "presets"
    name = config or "quick"
    with as_file(presets / f"{name}.yaml") as path:
        if path.exists():
            return path
    known = ", ".join(sorted(Path(one.name).stem for one in presets.iterdir()))
    raise ConfigError(f"{name}: neither a YAML file nor a preset; the presets are: {known}")


def source_name(path: Path, data: str | None) -> str:
    """Name a study after its configuration file; with a preset, after its data too."""
    is_preset = path.parent.name == "presets"
    return f"{path.stem}-{Path(data).stem}" if is_preset and data else path.stem


def seconds(text: str) -> float:
    """Read a duration.

    Raises:
        ConfigError: it is not a number with s, m, h or d.

    >>> seconds("1.5h")
    5400.0
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd]?)\s*", text)
    if found is None or float(found[1]) == 0:
        raise ConfigError(f"--time-budget {text}: write it as 90s, 30m, 2h or 1d")
    return float(found[1]) * _UNITS[found[2] or "s"]


def _next_commands(root: Path, *, has_champion: bool) -> None:
    where = _shown(root)
    typer.echo("\nNext:")
    lines = {f"softnce ui {where}": "browse the trials in MLflow"}
    if has_champion:
        lines[f'SentenceTransformer("{where}/champion")'] = "the champion, in Python"
    lines["softnce search --set data.path=FOLDER_OR_FILE"] = "the same on your own pairs"
    width = max(map(len, lines))
    for command, meaning in lines.items():
        typer.echo(f"  {command:<{width}}  {meaning}")


def _shown(root: Path) -> str:
    here = Path.cwd()
    return str(root.relative_to(here) if root.is_relative_to(here) else root)
