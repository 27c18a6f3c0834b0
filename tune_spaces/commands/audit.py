"""The verb that audits a data set, or a study's."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from softnce.cli import phase_progress
from softnce.errors import RunError
from softnce.terminal.output import say

if TYPE_CHECKING:
    from softnce.config.config import Config


@dataclass(frozen=True, slots=True)
class _Source:
    """What is audited: its configuration, where its pairs lie, and a study's cache."""

    config: "Config"
    path: Path
    study: Path | None = None
    cache: Path | None = None


def audit(  # noqa: PLR0913  (what a user may set)
    data: Annotated[
        Path, typer.Argument(help="A folder of splits, a file of pairs, or a study's folder.")
    ],
    estimator: Annotated[
        list[str] | None,
        typer.Option(help="One that is tested, as in softnce weights; repeatable; all without it."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLDER|ID", help="An encoder that is tested, too; repeatable."),
    ] = None,
    judged: Annotated[
        Path | None,
        typer.Option(
            help="A set to test estimators on: with graded judgements, or several right answers "
            "per query."
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=2, help="Number of pairs per batch.")] = 128,
    smallest_gain: Annotated[
        float, typer.Option(min=0, max=1, help="The smallest gain in MRR that is worth having.")
    ] = 0.005,
    top: Annotated[int, typer.Option(min=0, max=100, help="Pairs to show, of each kind.")] = 2,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write audit.json and audit.png there.")
    ] = None,
    strict: Annotated[  # noqa: FBT002
        bool,
        typer.Option(
            "--strict",
            help="Exit with 1 where a query stands in its own code or splits share rows.",
        ),
    ] = False,
    as_json: Annotated[  # noqa: FBT002
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the samples.")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="data.b=c", help="Change how data are read; repeatable."),
    ] = None,
) -> None:
    """Look for leaks, duplicates and false negatives, and say what weights could bring at most."""
    from softnce.diagnostics.audit import tables
    from softnce.diagnostics.audit.audit import AuditOptions, audited
    from softnce.diagnostics.audit.audited_set import file_facts
    from softnce.diagnostics.weight_page import open_folder
    from softnce.inputs.pairs import pairs_of
    from softnce.terminal.console import terminal
    from tune_spaces.commands.weights import requested_estimators

    source = _source(data, list(settings or ()))
    requested = requested_estimators(estimator, model, source.study)
    is_stripped = source.config.data.docstrings == "strip"
    options = AuditOptions(
        batch_size, smallest_gain, top, seed, judged, source.cache, is_stripped=is_stripped
    )
    if out is not None:
        open_folder(out)
    with phase_progress() as progress:
        progress("reading pairs", 0, 5)
        pairs = pairs_of(source.config.data)
        columns = {str(name): own for name, own in (source.config.data.columns or {}).items()}
        facts = file_facts(source.path, columns)
        found = audited(source.path, pairs, facts, requested, options, progress)
    if out is not None:
        tables.write(found, out)
    if as_json:
        say(json.dumps(found.as_dict(), indent=1))
    else:
        tables.show(found, terminal().print, say, top=top)
        if out is not None:
            say(f"Wrote {out / tables.REPORT} and {out / tables.FIGURE}")
    if strict and found.faults:
        raise typer.Exit(RunError.exit_code)


def _source(data: Path, settings: list[str]) -> _Source:
    """Find what a name stands for: a study's pairs where it is a study, else the data.

    Raises:
        ConfigError: a setting is wrong, or the study's files are damaged.
    """
    from softnce.config.file import data_config, load_config, with_overrides
    from tune_spaces.study.fingerprint import FINGERPRINT

    if not ((data / "config.yaml").is_file() and (data / FINGERPRINT).is_file()):
        config = data_config(data, settings)
        return _Source(config, Path(str(config.data.path)))
    config = load_config(data / "config.yaml", settings)
    cache = config.resources.cache_in(data)
    if config.data.path is None:
        config = with_overrides(config, {"data/path": str(data / "data"), "data/mine": []})
    return _Source(config, Path(str(config.data.path)), data, cache)
