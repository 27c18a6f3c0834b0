"""The verbs about data and models; each is a few lines that call down."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from softnce.terminal.output import say

if TYPE_CHECKING:
    from rich.console import Console

    from softnce.data.mining.mine import MiningReport
    from softnce.diagnostics.requested import RequestedEstimators

data_app = typer.Typer(help="Make pairs to train on.", no_args_is_help=True)

_NAMED_FILES = 5
_JUDGED = 2000  # pairs of each label: the error of an AUC is then 0.009


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
    language: Annotated[str, typer.Option(help="The language of the code.")] = "python",
    max_pairs: Annotated[int | None, typer.Option(min=1, help="Stop after so many pairs.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of processes; all cores without it.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sample and of the splits.")] = 0,
) -> None:
    """Mine (docstring, function) pairs from your own code."""
    from softnce.data.mining import mine as mining
    from softnce.data.mining.sources import named_paths

    with phase_progress() as progress:
        report = mining.mine(
            named_paths(paths),
            out,
            language=language,
            max_pairs=max_pairs,
            workers=workers,
            seed=seed,
            progress=progress,
        )
    _show(report, out)


def weights(  # noqa: PLR0913  (what a user may set)
    data: Annotated[Path, typer.Argument(help="A folder of pairs, or a file of them.")],
    estimator: Annotated[
        list[str] | None,
        typer.Option(
            help="bm25, bm25-official, bm25-lucene, duplicates, or mixture (equal parts of the "
            "others that are named); may be repeated; all but mixture without it."
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLDER|ID", help="An encoder to compare with; may be repeated."),
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(help="A study's folder, whose trained teacher and SimCSE are shown too."),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=2, help="Number of pairs per batch.")] = 128,
    alpha: Annotated[float, typer.Option(help="Strength of the correction; 0 is InfoNCE.")] = 1.0,
    beta: Annotated[float, typer.Option(help="Mass shared by all negatives alike.")] = 1.0,
    temperature: Annotated[
        float, typer.Option(help="Relevance is divided by it: the paper's t.")
    ] = 1.0,
    scale: Annotated[
        Literal["standardised", "raw"],
        typer.Option(help="standardised: scores over their standard deviation in the batch."),
    ] = "standardised",
    floor: Annotated[float, typer.Option(min=0, max=1, help="Least weight of a negative.")] = 0.1,
    top: Annotated[int, typer.Option(min=1, max=100, help="Number of negatives to show.")] = 5,
    out: Annotated[Path, typer.Option(help="Folder of the page and the picture.")] = Path(
        "softnce-weights"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the batches drawn.")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="data.b=c", help="Change how data are read; repeatable."),
    ] = None,
) -> None:
    """Show what each estimator does to your data: weights, suspects, agreement with people.

    Suspects are the negatives that an estimator takes for unlabelled answers.
    """
    from softnce.config.file import data_config
    from softnce.diagnostics import human_agreement, weight_analysis, weight_page
    from softnce.inputs.pairs import pairs_of

    config = data_config(data, settings or ())
    requested = _requested(estimator, model, study)
    with phase_progress() as progress:
        progress("reading pairs", 0, 3)
        pairs = pairs_of(config.data)
        weight_page.open_folder(out)
        progress("weighing batches", 1, 3)
        coefficients = weight_analysis.Coefficients(alpha, beta, temperature, floor, scale)
        seen = weight_analysis.views(
            pairs.train, requested, coefficients, batch_size=batch_size, most=top, seed=seed
        )
        progress("comparing with people's judgements", 2, 3)
        unseen = human_agreement.held_out(pairs) if requested.trained else ()
        judged = human_agreement.judged_pairs(data, unseen or pairs.train, most=_JUDGED, seed=seed)
        agreed = human_agreement.agreements(judged, requested, batch_size=batch_size)
        weight_page.write_page(out, data.name, seen, agreed, most=top)
    from softnce.terminal.console import terminal

    weight_page.show(seen, agreed, most=top, draw=terminal().print)
    say(f"Wrote {out / weight_page.PAGE} and {out / weight_page.PICTURE}")


def _requested(
    words: list[str] | None, models: list[str] | None, study: Path | None
) -> "RequestedEstimators":
    """Find the estimators that are requested; say which of them the study has not trained."""
    from softnce.diagnostics.requested import ALONE, RequestedEstimators, check
    from softnce.diagnostics.trained_models import trained_models
    from softnce.inputs.frozen_models import FROZEN_MODELS

    trained = trained_models(study) if study else []
    missing = [name for name in FROZEN_MODELS if name not in {one.name for one in trained}]
    if study and missing:
        say(f"{study} has trained no {' and no '.join(missing)}: none of its trials uses it")
    requested = RequestedEstimators(
        tuple(dict.fromkeys(words or ALONE)), tuple(models or ()), tuple(trained)
    )
    check(requested)
    return requested


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
