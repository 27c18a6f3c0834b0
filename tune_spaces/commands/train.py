"""The verb that trains one configuration."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from softnce.errors import EXIT_OK, EXIT_STOPPED, ConfigError
from softnce.terminal.output import say
from tune_spaces.sources.options import SettingsOption

if TYPE_CHECKING:
    from tune_spaces.sources.run import TrainingSource


def train(  # noqa: PLR0913  (what a user may set)
    config: Annotated[
        str | None,
        typer.Argument(
            metavar="CONFIG|TRIAL",
            help="A YAML file or a preset's name; with --from the name of a trial, as t0007.",
        ),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option("--from", metavar="STUDY", help="Take the configuration of a study's trial."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Another seed of initial weights and order.")
    ] = None,
    settings: SettingsOption = None,
    out: Annotated[Path | None, typer.Option(help="The folder of the run.")] = None,
    test: Annotated[  # noqa: FBT002
        bool, typer.Option("--test", help="Score the test split when all is done.")
    ] = False,
    quiet: Annotated[  # noqa: FBT002
        bool, typer.Option("--quiet", "-q", help="Show the result only.")
    ] = False,
) -> None:
    """Train one configuration, without a search; the same command goes on with it.

    The model and its metrics lie in the run's folder, and its run in MLflow.
    """
    from tune_spaces.ray_session import session
    from tune_spaces.sources.run import seeded

    session.quiet_environment()
    source = seeded(_source(config, study, settings or []), seed)
    from softnce.terminal.console import terminal
    from tune_spaces.training import METRICS
    from tune_spaces.training import train as run

    try:
        found = run(source, out=out, wants_test=test, console=terminal(quiet=quiet))
    except KeyboardInterrupt:
        say("stopped; the same command continues the run")
        raise typer.Exit(EXIT_STOPPED) from None
    if found.exit_code == EXIT_OK:
        for split, metrics in (("valid", found.metrics), ("test", found.test)):
            if metrics:
                say(f"{split}: " + ", ".join(f"{n} {v:.4g}" for n, v in metrics.items()))
        say(f"Wrote {found.folder}: the model in champion/, the metrics in {METRICS}")
    raise typer.Exit(found.exit_code)


def _source(config: str | None, study: str | None, settings: list[str]) -> "TrainingSource":
    from softnce.config.file import load_config
    from softnce.terminal.console import terminal
    from tune_spaces.sources.config import config_path, source_name
    from tune_spaces.sources.run import TrainingSource, trial_source

    if study is None:
        if config is None:
            raise ConfigError("train: no configuration", "name a YAML file, or --from STUDY t0007")
        path = config_path(config)
        resolved = load_config(path, settings)
        return TrainingSource(resolved, source_name(path, resolved.data.path))
    if config is None:
        raise ConfigError(f"--from {study}: which trial", "name one, for example t0007")
    if settings:
        raise ConfigError(
            f"--set {settings[0]}: a trial is trained as it was",
            f"leave it out, or train a copy of {study}/trials/{config}/config.yaml",
        )
    return trial_source(study, config, terminal())
