"""The verb that evaluates a model on a set."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from softnce.cli import phase_progress
from softnce.errors import ConfigError
from softnce.terminal.output import say


def evaluate(  # noqa: PLR0913  (what a user may set)
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A model's folder or hub id, a study (its champion), or bm25."
        ),
    ],
    data: Annotated[
        Path,
        typer.Argument(
            help="A folder of queries and codes, of one for each language, or with judgements; a "
            "file of pairs; or a folder of code, whose docstrings are the queries."
        ),
    ],
    compare: Annotated[
        str | None, typer.Option(metavar="MODEL2", help="Another model, compared query by query.")
    ] = None,
    split: Annotated[
        Literal["test", "valid", "all"],
        typer.Option(help="Whose queries; all: of both, or every row of one file."),
    ] = "test",
    max_candidates: Annotated[
        int | None,
        typer.Option(min=2, help="Search so many codes at most, a seeded sample; all without it."),
    ] = None,
    docstrings: Annotated[
        Literal["auto", "keep", "strip"] | None,
        typer.Option(
            help="auto takes out docstrings and comments that carry a query of their code; strip "
            "all docstrings; keep none. Without it: as the model's study did, else auto."
        ),
    ] = None,
    dimensions: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Rank by the first N numbers of the model's vectors, too; repeatable.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sample and the intervals.")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.parquet", help="Write a row for each query there.")
    ] = None,
    as_json: Annotated[  # noqa: FBT002
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="data.b=c", help="Change how data are read; repeatable."),
    ] = None,
) -> None:
    """Measure how well a model finds the right code, beside BM25 and fused with it.

    Ranks are exact, over all codes; intervals are of a bootstrap over queries.
    """
    from tune_spaces.api.evaluate import evaluate as run

    if out is not None:
        _check_out(out)
    with phase_progress() as progress:
        found = run(
            model,
            data,
            compare=compare,
            split=split,
            max_candidates=max_candidates,
            docstrings=docstrings,
            seed=seed,
            dimensions=dimensions or (),
            settings=settings or (),
            progress=progress,
        )
    from softnce.retrieval.show import show, write_out
    from softnce.terminal.console import terminal

    if out is not None:
        write_out(found, out)
    if as_json:
        say(json.dumps(found.as_dict(), indent=1))
        return
    show(found, terminal().print)
    if out is not None:
        say(f"Wrote {out}: a row for each query")


def _check_out(path: Path) -> None:
    """Refuse a per-query table that could not be written in the end.

    Raises:
        ConfigError: its folder is missing, it is a folder itself, or it is not named .parquet.
    """
    if path.suffix.lower() != ".parquet":
        raise ConfigError(f"--out {path}: the per-query table is parquet", "name it .parquet")
    if path.is_dir():
        raise ConfigError(f"--out {path}: a folder", "name a file")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"--out {path}: its folder does not exist", "make it first")
