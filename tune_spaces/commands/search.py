"""The verbs about searching; each is a few lines that call down."""

import re
import shlex
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from softnce.errors import EXIT_STOPPED, ConfigError
from softnce.terminal.output import say
from tune_spaces.sources.config import config_path, source_name
from tune_spaces.sources.options import ConfigArgument, SettingsOption, StudyArgument

if TYPE_CHECKING:
    from softnce.config.config import Config
    from tune_spaces.search.conclusion import SearchResult

_QUERY = "read a file line by line"
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def search(  # noqa: PLR0913  (what a user may set)
    config: ConfigArgument = None,
    settings: SettingsOption = None,
    trials: Annotated[int | None, typer.Option(help="Number of trials of the study.")] = None,
    time_budget: Annotated[
        str | None, typer.Option(help="Stop after 90s, 30m or 2h; the study can be continued.")
    ] = None,
    max_gpu_hours: Annotated[
        float | None,
        typer.Option(
            help="Stop when the study has used so many GPU hours, those of earlier searches "
            "included; it can be continued with more."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder of the study.")] = None,
    quiet: Annotated[
        bool | None,
        typer.Option(
            "--quiet/--verbose", "-q/-v", help="Print the verdict alone, or all that is logged."
        ),
    ] = None,
    wait: Annotated[  # noqa: FBT002
        bool, typer.Option("--wait", help="Wait while another search holds the study.")
    ] = False,
    warm_from: Annotated[
        str | None,
        typer.Option(
            metavar="STUDY", help="A study whose complete trials guide the sampler of a new one."
        ),
    ] = None,
) -> None:
    """Search the loss that makes your encoder retrieve best, or continue a search."""
    path = config_path(config)
    changes = list(settings or [])
    if trials is not None:
        changes.append(f"search.trials={trials}")
    if time_budget is not None:
        changes.append(f"search.time_budget_s={seconds(time_budget)}")
    if max_gpu_hours is not None:
        changes.append(f"search.max_gpu_hours={max_gpu_hours}")
    from softnce.config.file import load_config

    resolved = load_config(path, changes)  # a mistake is told before seconds of imports
    from tune_spaces.ray_session import session

    session.quiet_environment()
    with interruptible():
        source = source_name(path, resolved.data.path)
        study = _searched(resolved, source, out, quiet=quiet, wait=wait, warm_from=warm_from)
    if not quiet:
        _next_commands(study, resolved.data.path)
    raise typer.Exit(study.exit_code)


def _searched(
    config: "Config",
    source: str,
    out: Path | None,
    *,
    quiet: bool | None,
    wait: bool,
    warm_from: str | None,
) -> "SearchResult":
    from softnce.terminal.console import terminal
    from softnce.terminal.logging_setup import also_show
    from tune_spaces.search.search import search as run

    console = terminal(quiet=bool(quiet))
    if quiet is False:
        also_show(console)
    study = run(config, source=source, out=out, console=console, wait=wait, warm_from=warm_from)
    if quiet:
        say(study.verdict)
    return study


@contextmanager
def interruptible() -> Iterator[None]:
    """End with exit code 4 when a signal comes while no trial runs: what is made stays made."""
    try:
        yield
    except KeyboardInterrupt:
        say("stopped; the same command continues the study")
        raise typer.Exit(EXIT_STOPPED) from None


def logs(
    study: StudyArgument = None,
    trial: Annotated[
        str | None, typer.Argument(help="The name of a trial, for example t0007.")
    ] = None,
    lines: Annotated[int, typer.Option(min=1, help="Print so many last lines only.")] = 1_000_000,
) -> None:
    """Print the log of a study or of one of its trials."""
    from tune_spaces.study.folder import find_log

    with find_log(study, trial).open(encoding="utf-8", errors="replace") as file:
        for line in deque(file, maxlen=lines):
            say(line, end="")


def clean(
    study: Annotated[
        str, typer.Argument(metavar="STUDY|cache", help="A study, or the caches of studies.")
    ],
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FOLDER]...",
            help="Studies, or folders of studies, whose caches are meant; ./softnce-studies "
            "without it.",
        ),
    ] = None,
    dry_run: Annotated[  # noqa: FBT002
        bool, typer.Option("--dry-run", help="Only list what would be removed.")
    ] = False,
) -> None:
    """Free the disk of what no trial needs any more."""
    from softnce.terminal.console import terminal
    from tune_spaces import clean as cleaning
    from tune_spaces.ray_session import session
    from tune_spaces.study.context import stored_study_context

    session.quiet_environment()
    left: list[str] = []
    if study == "cache":
        items, left = cleaning.needless_caches(folders or [])
    elif folders:
        raise ConfigError(
            f"clean {study} {folders[0]}: more than one study",
            "name one study, or clean cache with several folders",
        )
    else:
        items = cleaning.needless_of_study(stored_study_context(study, terminal()))
    for one in items:
        say(f"{cleaning.shown_size(one.size):>10}  {_shown(one.path)}  ({one.reason})")
    for sentence in left:
        say(sentence)
    total = cleaning.shown_size(sum(one.size for one in items))
    if dry_run:
        say(f"{total} would be freed; nothing was removed")
        return
    cleaning.remove(items)
    say(f"{total} freed")


def seconds(text: str) -> float:
    """Read a duration.

    Raises:
        ConfigError: it is not a number with s, m, h or d.

    >>> seconds("1.5h")
    5400.0
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd]?)\s*", text)
    if found is None or float(found[1]) == 0:
        raise ConfigError(
            f"--time-budget {text}: not a duration",
            "write it as 90s, 30m, 2h or 1d",
        )
    return float(found[1]) * _UNITS[found[2] or "s"]


def _next_commands(study: "SearchResult", pairs: str | None) -> None:
    """Say what can be done with a study.

    Args:
        study: that has ended.
        pairs: folder or file of its pairs; None: it mined them itself.
    """
    from tune_spaces.sources.mined_code import code_mined_for

    shown = _shown(study.folder.root)
    where = shlex.quote(shown)
    say("\nNext:")
    lines = {"browse the trials in MLflow": f"softnce ui {where}"}
    if study.champion is not None:
        code = code_mined_for(Path(pairs) if pairs else study.folder.mined)
        asked = "FOLDER" if code is None else shlex.quote(_shown(code))
        lines["search code with it"] = f'softnce query {where} {asked} "{_QUERY}"'
        lines["the champion, in Python"] = f'SentenceTransformer("{shown}/champion")'
    if pairs is None:
        lines["the same on your own pairs"] = "softnce search --set data.path=FOLDER_OR_FILE"
    width = max(map(len, lines)) + 1
    for meaning, command in lines.items():
        say(f"  {meaning + ':':<{width}}  {command}")


def _shown(root: Path) -> str:
    here = Path.cwd()
    return str(root.relative_to(here) if root.is_relative_to(here) else root)
