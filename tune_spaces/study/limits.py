"""Limits of what an encoder may cost, as Optuna's constraints: above one, a trial is infeasible."""

from collections.abc import Mapping
from typing import Any

from optuna.trial import FrozenTrial

from softnce.config.sections.study import SearchSection
from softnce.evaluation.metric_names import COST_METRICS


def excess(search: SearchSection, costs: Mapping[str, Any]) -> dict[str, float]:
    """Return how far each measured cost is above its limit, as a share of it; within it below 0.

    >>> excess(SearchSection(max_parameters=1000), {"parameters": 1500.0})
    {'max_parameters': 0.5}
    """
    return {
        f"max_{name}": costs[name] / limit - 1
        for name in COST_METRICS
        if name in costs and (limit := getattr(search, f"max_{name}")) is not None
    }


def is_feasible(one: FrozenTrial) -> bool:
    """Tell whether a trial is above no limit; one that was not measured is not."""
    return all(value <= 0 for value in one.constraints.values())


def infeasibility(search: SearchSection, costs: Mapping[str, Any]) -> str:
    """Say which limits measured costs are above; empty where they are within all.

    >>> infeasibility(SearchSection(max_parameters=1000), {"parameters": 1500.0})
    'infeasible: parameters 1,500 > 1,000'
    """
    above = [
        f"{name} {_shown(costs[name])} > {_shown(getattr(search, f'max_{name}'))}"
        for name in COST_METRICS
        if excess(search, costs).get(f"max_{name}", 0.0) > 0
    ]
    return f"infeasible: {', '.join(above)}" if above else ""


def _shown(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else f"{number:.3g}"
