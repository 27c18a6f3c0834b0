"""The verbs about data; each is a few lines that call down."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from softnce.terminal.output import say

if TYPE_CHECKING:
    from rich.console import Console

    from softnce.data.mining.mine import MiningReport

data_app = typer.Typer(help="Make pairs to train on.", no_args_is_help=True)

_NAMED_FILES = 5


@data_app.callback()
def data() -> None:
    """Make pairs of (query, function) to train on."""


@data_app.command()
def mine(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Folders or files of code; @environment is the installed Python packages.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder to write: new, or mined before.")],
    language: Annotated[
        list[str] | None,
        typer.Option(
            help="Mine only this language: go, java, javascript, php, python, ruby, typescript. "
            "Repeat it for several; without it, all by the ends of the files' names."
        ),
    ] = None,
    max_pairs: Annotated[int | None, typer.Option(min=1, help="Stop after so many pairs.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of processes; all cores without it.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sample and of the splits.")] = 0,
) -> None:
    """Mine (docstring, function) pairs from your own code."""
    from softnce.data.mining import mine as mining
    from softnce.data.mining.sources import named_paths, wanted_languages

    with phase_progress() as progress:
        report = mining.mine(
            named_paths(paths),
            out,
            languages=wanted_languages(paths, *(language or ())),
            max_pairs=max_pairs,
            workers=workers,
            seed=seed,
            progress=progress,
        )
    _show(report, out)


@contextmanager
def phase_progress(
    console: "Console | None" = None,
) -> Iterator[Callable[[str, int, int], None]]:
    """Draw a bar on a terminal; elsewhere print one line per phase."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from softnce.terminal.console import errors

    console = console or errors()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    phases: dict[str, None] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("listing files", total=None)

        def tell(phase: str, done: int, total: int) -> None:
            bar.update(task, description=phase, completed=done, total=total)
            if phase not in phases and not console.is_terminal:
                console.print(phase)
            phases[phase] = None

        yield tell


def _show(report: "MiningReport", out: Path) -> None:
    from rich.table import Table

    from softnce.terminal.console import terminal

    table = Table("", "count", title=f"{report.files} files, {report.functions} functions")
    for split, count in report.pairs.items():
        table.add_row(f"{split} pairs", str(count))
    for name, count in report.languages.items() if len(report.languages) > 1 else ():
        table.add_row(f"{name} pairs", str(count))
    for reason, count in [*report.dropped.items(), *report.skipped.items()]:
        table.add_row(f"dropped: {reason}", str(count))
    table.add_row(f"packages (splits are by {report.split_by})", str(report.packages))
    if report.unreadable:
        table.add_row("files with faults", str(len(report.unreadable)))
    terminal().print(table)
    for name, fault in report.unreadable[:_NAMED_FILES]:
        say(f"  {name}: {fault}")
    if len(report.unreadable) > _NAMED_FILES:
        say(f"  ... all of them are named in {out / 'mining.json'}")
    if not report.pairs["valid"] or not report.pairs["test"]:
        say("Too few files to hold some out for validation: mine more code, then search.")
        return
    say(f"Wrote {out} in {report.seconds:.0f} s. Next: softnce search --set data.path={out}")
