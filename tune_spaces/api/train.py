"""``softnce.train``: one configuration, or a trial of a study, for Python callers."""

import os
from pathlib import Path

from rich.console import Console

from softnce.errors import ConfigError
from softnce.terminal.console import terminal
from softnce.terminal.logging_setup import logging_restored
from tune_spaces.api.search import Source, environment_restored, resolved_source
from tune_spaces.ray_session import session
from tune_spaces.sources.run import TrainingSource, seeded, trial_source
from tune_spaces.training import TrainedRun
from tune_spaces.training import train as run


def train(  # noqa: PLR0913  (what a user may set)
    config: Source | None = None,
    *,
    study: str | os.PathLike[str] | None = None,
    trial: str | None = None,
    seed: int | None = None,
    out: str | os.PathLike[str] | None = None,
    test: bool = False,
    quiet: bool = False,
    console: Console | None = None,
) -> TrainedRun:
    """Train one configuration, without a search, or go on with its training.

    Example::

        run = softnce.train(study="softnce-studies/quick", trial="t0007", seed=5)
        print(run.metrics["mrr"], run.model)

    Args:
        config: a Config; a nested mapping as in YAML; the path of a YAML file; or a preset's name.
        study: folder or name of a study, in place of a configuration: its data, cache and frozen
            models are used.
        trial: of the study, for example t0007.
        seed: of initial weights and order, in place of ``optim.seed``.
        out: folder of the run; ``./softnce-runs/<name>`` unless given.
        test: whether to score the test split when all is done.
        quiet: whether to show nothing.
        console: where to show progress, instead of the terminal or notebook.

    Returns:
        The run, with its model's folder and its metrics.

    Raises:
        ConfigError: a setting is wrong, there is no such trial, or the folder holds another run.
        DataError: the data cannot be read, or are too few.
        SetupError: MLflow, Ray or a resource is out of reach.
        RunError: the training failed.
    """
    if (config is None) == (study is None) or (study is None) != (trial is None):
        raise ConfigError(
            "softnce.train: what to train is not clear", "give config, or study and trial"
        )
    shown = console or terminal(quiet=quiet)
    with logging_restored(), environment_restored():
        session.quiet_environment()
        if study is not None and trial is not None:
            source = trial_source(os.fspath(study), trial, shown)
        else:
            source = TrainingSource(*resolved_source(config or {}))
        folder = None if out is None else Path(out)
        return run(seeded(source, seed), out=folder, wants_test=test, console=shown)
