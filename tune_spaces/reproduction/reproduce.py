"""A table of the paper trained anew: a study whose trials are its lines, and what came of it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from softnce.config.config import Config
from softnce.config.file import with_overrides
from softnce.errors import EXIT_OK
from softnce.whole_files import write_json
from tune_spaces.reproduction.curves import alpha_curve, weight_curves, write_figure
from tune_spaces.reproduction.outcome import PaperComparison, compared
from tune_spaces.reproduction.setup import ReproductionRequest, point, study_config
from tune_spaces.reproduction.show import as_facts, curve_rows, sentences, shown
from tune_spaces.search.search import search

if TYPE_CHECKING:
    from tune_spaces.search.conclusion import SearchResult

FACTS = "reproduction.json"
_SHOWN_RANKS = (1, 2, 3, 5, 10, 20, 31, 63)


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
    study = search(config, source=request.name, out=out, console=progress)
    comparison = compared(request, study.folder, study.table)
    console.print()
    console.print(shown(comparison))
    files: list[Path] = []
    if request.protocol.curve and study.exit_code == EXIT_OK:
        comparison, files = _figure(comparison, config, study, console)
    for one in sentences(comparison):
        console.print(one, highlight=False, soft_wrap=True)
    facts = study.folder.root / FACTS
    write_json(facts, as_facts(comparison))
    return Reproduced(comparison, (facts, *files), study.exit_code)


def _figure(
    comparison: PaperComparison, config: Config, study: "SearchResult", console: Console
) -> tuple[PaperComparison, list[Path]]:
    request = comparison.request
    if request.table == "fig3":
        return comparison, write_figure(comparison, alpha_curve(comparison), sentences(comparison))
    seed = request.trained_seeds[0]
    configs = {
        row.name: with_overrides(config, point(request, row, seed)) for row in request.protocol.rows
    }
    curves = weight_curves(config, study.folder, configs)
    console.print()
    console.print(curve_rows(curves, _SHOWN_RANKS))
    drawn = {
        name: {"x": list(range(1, len(curve) + 1)), "y": curve} for name, curve in curves.items()
    }
    found = replace(comparison, curves=curves)
    return found, write_figure(found, drawn, sentences(found))
