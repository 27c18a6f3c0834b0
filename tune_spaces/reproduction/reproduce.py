"""A table of the paper trained anew: a study whose trials are its lines, and what came of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from softnce.config.config import Config
from softnce.config.file import with_overrides
from softnce.errors import DataError
from softnce.whole_files import write_json
from tune_spaces.reproduction.curves import alpha_curve, weight_curves, write_figure
from tune_spaces.reproduction.outcome import PaperComparison, compared
from tune_spaces.reproduction.setup import ReproductionRequest, point, study_config
from tune_spaces.reproduction.show import as_facts, as_markdown, sentences, shown, shown_curves
from tune_spaces.search.search import search_in
from tune_spaces.study.context import PageAddition
from tune_spaces.study.folder import StudyFolder, study_folder

FACTS = "reproduction.json"


@dataclass(frozen=True, slots=True)
class Reproduced:
    """A table after its study.

    Attributes:
        comparison: ours beside the paper's.
        files: what was written besides the study.
        exit_code: that of the search: 0 complete, 1 every trial failed, 4 stopped, to go on.
    """

    comparison: PaperComparison
    files: tuple[Path, ...]
    exit_code: int


def reproduce(
    request: ReproductionRequest, *, out: Path | None, progress: Console, console: Console
) -> Reproduced:
    """Train the lines of a table, or go on with them, and set them beside the paper's.

    Args:
        request: what is to be reproduced.
        out: folder of the study; ``./softnce-studies/<name>`` unless given.
        progress: where to show the search.
        console: where to show the result.

    Raises:
        ConfigError: the paper has no such table, a setting is wrong, or the folder holds another
            study.
        DataError: the pairs are not there, or too few.
        SetupError: a model, MLflow, Ray or a resource is out of reach.
    """
    config = study_config(request)
    written: list[tuple[PaperComparison, tuple[Path, ...]]] = []

    def added(folder: StudyFolder) -> PageAddition:
        written.append(write_comparison(request, config, folder))
        comparison, files = written[-1]
        return PageAddition(as_markdown(comparison), files)

    folder = study_folder(config, request.name, out)
    study = search_in(folder, config, console=progress, added=added)
    if not written:  # nothing was left to do
        written.append(write_comparison(request, config, folder))
    comparison, files = written[-1]
    if not progress.quiet:
        console.print()
    if request.protocol.unit != "weight":
        console.print(shown(comparison))
    if comparison.curves:
        console.print(shown_curves(comparison))
    for one in sentences(comparison):
        console.print(one, highlight=False, soft_wrap=True)
    return Reproduced(comparison, files, study.exit_code)


def write_comparison(
    request: ReproductionRequest, config: Config, folder: StudyFolder
) -> tuple[PaperComparison, tuple[Path, ...]]:
    """Set what there is beside the paper's, and write it into the study's folder.

    Args:
        request: what was asked for.
        config: of the study.
        folder: of the study.

    Raises:
        DataError: Figure 2's frozen models have left the cache, and no curves are stored.
    """
    comparison = compared(request, config, folder)
    figures: list[Path] = []
    if request.protocol.unit == "weight" and any(line.complete for line in comparison.lines):
        seed = request.trained_seeds[0]
        configs = {
            row.name: with_overrides(config, point(config, row, seed))
            for row in request.protocol.rows
        }
        made = weight_curves(config, folder, configs)
        comparison = replace(comparison, curves=made or stored_curves(folder, list(configs)))
        curves = {
            name: {"x": list(range(1, len(curve) + 1)), "y": curve}
            for name, curve in comparison.curves.items()
        }
        figures = write_figure(comparison, curves, sentences(comparison))
    elif request.protocol.curve and (curves := alpha_curve(comparison)):
        figures = write_figure(comparison, curves, sentences(comparison))
    facts = folder.root / FACTS
    write_json(facts, as_facts(comparison))
    return comparison, (facts, *figures)


def stored_curves(folder: StudyFolder, names: Sequence[str]) -> dict[str, list[float]]:
    """Return the curves of a study whose frozen models have left the cache since.

    Args:
        folder: of the study.
        names: of the lines, in their order.

    Raises:
        DataError: none were stored.
    """
    facts = folder.root / FACTS
    stored = json.loads(facts.read_text(encoding="utf-8")) if facts.is_file() else {}
    curves: dict[str, list[float]] = stored.get("curves", {})
    if not curves:
        raise DataError(
            f"{folder.root}: the models that its weights come from have left the cache",
            "train them again in a study of another folder, by --out",
        )
    return {name: curves[name] for name in names if name in curves}  # JSON has them sorted
