"""The search for Python callers, as ``softnce.search``: scripts, notebooks, other programs."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from softnce.config.config import Config
from softnce.config.file import load_config, validated, with_overrides
from softnce.config.paths import resolve_paths
from softnce.errors import ConfigError
from softnce.terminal.console import terminal
from softnce.terminal.logging_setup import logging_restored
from tune_spaces.ray_session import session
from tune_spaces.sources.config import config_path, source_name

if TYPE_CHECKING:
    import pandas as pd

    from tune_spaces.search.conclusion import SearchResult

Source = Config | Mapping[str, Any] | str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Champion:
    """The best complete trial of a study.

    Attributes:
        path: folder of the model, which ``SentenceTransformer(path)`` loads without softnce.
        config: the trial's resolved configuration.
        metrics: validation metrics of its best epoch by name (``mrr``, ``recall_at_10``, ...), with
            that epoch's mean training ``loss``.
        key: of the trial, for example t0007.
    """

    path: Path
    config: Config
    metrics: Mapping[str, float]
    key: str


@dataclass(frozen=True, slots=True)
class Study:
    """A study as it was when its search returned.

    Attributes:
        folder: of the study; it holds everything, and the same search continues it.
        champion: the best complete trial; None when no trial has completed.
        verdict: in a sentence, whether the champion is shown to be better than InfoNCE.
        exit_code: as of the command line: 0 complete; 4 stopped early, to be continued; 1 or 3
            ended by a fault that is told.
    """

    folder: Path
    champion: Champion | None
    verdict: str
    exit_code: int
    _records: Sequence[Mapping[str, Any]] = field(repr=False)

    def trials_dataframe(self) -> "pd.DataFrame":
        """Return the trials as a data frame, one row per trial in the order they began.

        Returns:
            Columns ``number``, ``key``, ``state`` (complete, pruned, failed, interrupted),
            ``role`` (infonce, noise, paper, search), ``value`` (best ``search.metric``), the
            metrics of the epoch that had it (``mrr``, ``mrr_at_10``, ``recall_at_1``,
            ``recall_at_5``, ``recall_at_10``, ``loss``, ``weight_spread``), ``epochs``,
            ``duration_s`` (seconds of training and validation), ``run_name`` (as in MLflow),
            ``note``, and by path each setting that is searched or differs between trials
            (``loss/name``, ``weights/alpha``). Missing: not measured, or not read by that trial.
        """
        import pandas as pd

        return pd.DataFrame.from_records([dict(record) for record in self._records])


def search(  # noqa: PLR0913  (what a caller may set)
    config: Source = "quick",
    *,
    out: str | os.PathLike[str] | None = None,
    trials: int | None = None,
    time_budget_s: float | None = None,
    max_gpu_hours: float | None = None,
    wait: bool = False,
    warm_from: str | os.PathLike[str] | None = None,
    quiet: bool = False,
    console: Console | None = None,
) -> Study:
    """Search the loss that makes your encoder retrieve best, or continue a search.

    A Ray session that runs already is used and left running; otherwise one is started (or
    RAY_ADDRESS joined) and left at the end. The call returns when enough trials have ended, the
    time or the GPU hours are spent, or Ctrl-C stopped it; the same call continues the study in its
    folder.

    Example::

        study = softnce.search({"data": {"path": "pairs.csv"}}, trials=8)
        study.trials_dataframe().sort_values("value")

    Args:
        config: a Config; a nested mapping as in YAML; the path of a YAML file; or a preset's name.
            Relative paths in a Config or mapping are those of the working folder.
        out: the study's folder; ``./softnce-studies/<name>`` unless given, where the name is
            ``search.name``, else the file's or preset's, else ``study``.
        trials: how many shall have ended, in place of ``search.trials``.
        time_budget_s: seconds after which to stop, in place of ``search.time_budget_s``.
        max_gpu_hours: of the study, all its searches together, after which to stop, in place of
            ``search.max_gpu_hours``.
        wait: whether to wait while another search holds the study, instead of being refused.
        warm_from: folder or name of a study whose complete trials guide the sampler of a new one;
            they are no trials of it.
        quiet: whether to show nothing.
        console: where to show progress and the result, instead of the terminal or notebook.

    Returns:
        The study, with its champion, its verdict and its trials.

    Raises:
        ConfigError: a key or value is wrong, the file is missing, or the folder holds another
            study.
        DataError: the data cannot be read, or are too few.
        SetupError: MLflow, Ray or a resource is out of reach.
    """
    resolved, source = resolved_source(config)
    changes = {
        "search/trials": trials,
        "search/time_budget_s": time_budget_s,
        "search/max_gpu_hours": max_gpu_hours,
    }
    given = {path: value for path, value in changes.items() if value is not None}
    if given:
        resolved = with_overrides(resolved, given)
    folder = None if out is None else Path(out)
    with logging_restored(), environment_restored():
        session.quiet_environment()
        from tune_spaces.search.search import search as run

        shown = console or terminal(quiet=quiet)
        known = None if warm_from is None else os.fspath(warm_from)
        result = run(resolved, source=source, out=folder, console=shown, wait=wait, warm_from=known)
    return _study(result, resolved)


@contextmanager
def environment_restored() -> Iterator[None]:
    """Give the caller's settings of Ray back after the block."""
    before = _of_ray(os.environ)
    try:
        yield
    finally:
        for name in _of_ray(os.environ).keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def _of_ray(environment: Mapping[str, str]) -> dict[str, str]:
    return {n: v for n, v in environment.items() if n.startswith(("RAY_", "TUNE_"))}


def resolved_source(config: Source) -> tuple[Config, str]:
    """Return the configuration, and what names a study that has no name of its own."""
    if isinstance(config, Config | Mapping):
        given = config.model_dump(mode="json") if isinstance(config, Config) else config
        nested = _plain(given)
        resolve_paths(nested, Path.cwd(), ())
        return validated(nested), "study"
    if isinstance(config, str | os.PathLike):
        path = config_path(os.fspath(config))
        resolved = load_config(path)
        return resolved, source_name(path, resolved.data.path)
    raise ConfigError(
        f"softnce.search: a {type(config).__name__} is no configuration",
        "give a mapping of sections, a Config, the path of a YAML file, or a preset's name",
    )


def _plain(value: Any) -> Any:  # noqa: ANN401  (any part of a configuration)
    """Return a nested configuration with its Path objects as text, which YAML would hold."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _study(result: "SearchResult", config: Config) -> Study:
    """Tell a search's result in plain values."""
    from tune_spaces.report.tables.trials_table import measured, trial_records
    from tune_spaces.space.space import known_space
    from tune_spaces.tracking.event_log import EventLog

    root, best = result.folder.root, result.champion
    records = trial_records(result.table, known_space(config), EventLog(root).all())
    champion = None
    if best is not None:
        metrics = next(measured(one) for one in records if one["key"] == best.key)
        champion = Champion(result.folder.champion, best.config, metrics, best.key)
    return Study(root, champion, result.verdict, result.exit_code, records)
