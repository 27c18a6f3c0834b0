"""The verbs about data; each is a few lines that call down."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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


@data_app.command()
def prepare(  # noqa: PLR0913  (what a user may set)
    name: Annotated[Literal["codesearchnet", "cosqa"], typer.Argument(help="The public set.")],
    out: Annotated[
        Path | None, typer.Option(help="The folder to write: new, or prepared before.")
    ] = None,
    language: Annotated[
        Literal["go", "java", "javascript", "php", "python", "ruby"],
        typer.Option(help="The language of the functions; CoSQA's are in python."),
    ] = "python",
    protocol: Annotated[
        Literal["graphcodebert", "raw"],
        typer.Option(help="graphcodebert: the filtered set; raw: all of CodeSearchNet."),
    ] = "graphcodebert",
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FOLDER",
            help="The downloaded files: CodeSearchNet's jsonl.gz, parquet, or a folder in "
            "GraphCodeBERT layout; without it, the Hugging Face hub.",
        ),
    ] = None,
    urls: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Lists of the filtered set's urls; without it, its rules decide."
        ),
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="Commit, tag or branch on the hub; the newest without it.")
    ] = None,
    strict: Annotated[  # noqa: FBT002
        bool, typer.Option("--strict", help="Refuse a set with other counts than published.")
    ] = False,
) -> None:
    """Prepare a public set: CodeSearchNet or CoSQA, from the hub or from files."""
    from softnce.data.public.prepare import Wish, prepare_set

    language = "python" if name == "cosqa" else language
    out = out or Path(name if name == "cosqa" else f"{name}-{language}-{protocol}")
    wish = Wish(name, language, protocol, source, urls, revision, strict)
    with phase_progress() as progress:
        found = prepare_set(wish, out, progress)
    counts = ", ".join(f"{part} {count:,}" for part, count in found.counts.items())
    say(f"{found.origin}, selected by {found.selected_by}: {counts}")
    for reason, count in found.dropped.items():
        say(f"left out: {count:,} x {reason}")
    if found.differences:
        say(f"Warning: other counts than the published set: {'; '.join(found.differences)}")
    say(f"Wrote {out}. Next: softnce search --set data.path={out}")


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
            bar.update(task, description=phase, completed=done)
            bar.tasks[0].total = total if total > 1 else None  # a bar that moves, where none counts
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
