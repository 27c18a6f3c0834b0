"""The verb that trains a table of the paper anew."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from softnce.terminal.output import say
from tune_spaces.sources.options import SettingsOption


def reproduce(  # noqa: PLR0913  (what a user may set)
    table: Annotated[
        Literal["table1", "table2", "table3", "table8", "fig2", "fig3"],
        typer.Argument(help="Of Li et al., EMNLP 2023."),
    ],
    language: Annotated[
        Literal["ruby", "python", "java", "javascript", "php", "go"],
        typer.Option(help="Language of the functions."),
    ],
    model: Annotated[
        Literal["codebert", "graphcodebert", "unixcoder"],
        typer.Option(help="Whose numbers stand beside ours, and what is trained at full scale."),
    ],
    scale: Annotated[
        Literal["full", "small"],
        typer.Option(help="small: another encoder, for minutes on a CPU; not to be compared."),
    ] = "full",
    data: Annotated[
        Path | None,
        typer.Option(help="The pairs; ./codesearchnet-LANGUAGE-graphcodebert without it."),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="static|FOLDER|ID", help="What is trained at small scale; static without it."
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="Seeds of each line; as many as the paper without it."),
    ] = None,
    settings: SettingsOption = None,
    out: Annotated[Path | None, typer.Option(help="The folder of the study.")] = None,
    as_json: Annotated[  # noqa: FBT002
        bool, typer.Option("--json", help="Print one JSON object instead of tables.")
    ] = False,
    quiet: Annotated[  # noqa: FBT002
        bool, typer.Option("--quiet", "-q", help="Show the result only.")
    ] = False,
) -> None:
    """Train a table of the paper anew, its numbers beside ours; the same command continues it.

    The lines of the table are the trials of a study, with the paper's settings and seeds.
    """
    from softnce.errors import ConfigError

    if encoder is not None and scale == "full":
        raise ConfigError(
            f"--encoder {encoder}: at full scale {model} itself is trained",
            "add --scale small, or leave it out",
        )
    from tune_spaces.ray_session import session
    from tune_spaces.reproduction.setup import STATIC, ReproductionRequest, study_config

    request = ReproductionRequest(
        table, language, model, scale, data, encoder or STATIC, seeds, tuple(settings or ())
    )
    study_config(request)  # a mistake is told before seconds of imports
    session.quiet_environment()
    from softnce.terminal.console import terminal
    from tune_spaces.commands.search import interruptible
    from tune_spaces.reproduction.reproduce import reproduce as run
    from tune_spaces.reproduction.show import as_facts

    with interruptible():
        progress, console = terminal(quiet=quiet or as_json), terminal(quiet=as_json)
        found = run(request, out=out, progress=progress, console=console)
    if as_json:
        say(json.dumps(as_facts(found.comparison), allow_nan=False))
    else:
        say(f"Wrote {', '.join(map(str, found.files))}")
    raise typer.Exit(found.exit_code)
