"""What several verbs take alike on the command line."""

from typing import Annotated

import typer

ConfigArgument = Annotated[
    str | None,
    typer.Argument(help="A YAML file, or a preset's name; the preset quick without it."),
]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="a.b=c", help="Change a setting; may be repeated."),
]
StudyArgument = Annotated[
    str | None, typer.Argument(help="A study's folder or name; the newest without it.")
]
