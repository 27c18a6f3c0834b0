"""Which searched settings decide: PED-ANOVA over the complete trials of a study."""

import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import optuna
from optuna.trial import FrozenTrial
from rich.console import Console
from rich.table import Table

from tune_spaces.trial_state import TrialState

_FEWEST_TRIALS = 10  # complete ones, below which the importances are mostly chance
_BEST = 5  # trials that count as the best, as PED-ANOVA needs at least
_LEAST_QUANTILE, _MOST_QUANTILE = 0.1, 0.5


@dataclass(frozen=True, slots=True)
class Importance:
    """What PED-ANOVA says of the searched settings.

    Attributes:
        of_settings: share of each drawn setting by path, largest first, in all 1; empty where too
            few trials have completed or fewer than two settings were drawn.
        trials: number of complete trials that it rests on.
        best: number of those that count as the best.
    """

    of_settings: Mapping[str, float]
    trials: int
    best: int

    @property
    def is_too_little(self) -> bool:
        """Tell whether too few trials have completed to say anything."""
        return self.trials < _FEWEST_TRIALS


def importance(trials: Sequence[FrozenTrial]) -> Importance:
    """Measure what sets the best complete trials apart from all complete ones.

    Args:
        trials: of one study that maximises; the second seed of InfoNCE, which was not drawn, is
            left out.
    """
    complete = [
        one
        for one in trials
        if TrialState.stored(one.state) == TrialState.COMPLETE
        and one.user_attrs.get("role") != "noise"
    ]
    count = len(complete)
    drawn = {path for one in complete for path in one.params}
    if count < _FEWEST_TRIALS or len(drawn) < 2:
        return Importance({}, count, 0)
    quantile = min(max(_BEST / count, _LEAST_QUANTILE), _MOST_QUANTILE)
    study = optuna.create_study(direction="maximize")
    study.add_trials(complete)
    evaluators = _evaluators()
    evaluator = evaluators.PedAnovaImportanceEvaluator(target_quantile=quantile)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.simplefilter("ignore", UserWarning)  # a choice that was rarely drawn
        found = evaluators.get_param_importances(study, evaluator=evaluator)
    largest_first = sorted(found.items(), key=lambda item: -item[1])
    return Importance(dict(largest_first), count, round(quantile * count))


def _evaluators() -> Any:  # noqa: ANN401  (optuna.importance)
    """Import Optuna's evaluators, and without scikit-learn, which those of forests alone need.

    It would take longer than all the rest of a report. Optuna minds its absence only where it is
    needed; whoever imports Optuna's evaluators later gets them whole.
    """
    package, forests = "optuna.importance", "sklearn.ensemble"
    if package in sys.modules or forests in sys.modules:
        return import_module(package)
    modules: dict[str, Any] = sys.modules
    modules[forests] = None  # importing it fails at once
    whole = vars(optuna)["importance"]  # Optuna's own lazy door to it
    try:
        return import_module(package)
    finally:
        optuna.importance = whole
        for name in [one for one in modules if one == forests or one.startswith(package)]:
            del modules[name]


def show_importance(console: Console, found: Importance) -> None:
    """Print the importances as a small table, or that too few trials have completed."""
    if found.is_too_little:
        console.print(
            f"\nimportance of settings: cannot be told; complete trials: {found.trials}, "
            f"needed: {_FEWEST_TRIALS}",
            highlight=False,
            soft_wrap=True,
        )
        return
    if not found.of_settings:
        return
    shown = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    shown.add_column("setting", no_wrap=True)
    shown.add_column("importance", justify="right")
    for path, share in found.of_settings.items():
        shown.add_row(path, f"{share:.2f}")
    console.print()
    console.print(shown)
    console.print(
        f"importance by PED-ANOVA: what sets the best {found.best} of {found.trials} complete "
        "trials apart",
        highlight=False,
        soft_wrap=True,
    )
