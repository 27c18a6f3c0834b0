"""Where a run stands after an epoch: its best metric so far, and whether it is finished."""

from collections.abc import Sequence
from typing import Any

from softnce.config.config import Config
from softnce.config.sections.training import OptimSection

Report = dict[str, Any]


def is_evaluated(optim: OptimSection, epoch: int) -> bool:
    """Tell whether an epoch, counted from 1, ends with an evaluation: the last one always does."""
    return epoch % optim.evaluate_every == 0 or epoch >= optim.epochs


def standing(
    config: Config, report: Report, history: Sequence[Report], *, has_queries: bool
) -> Report:
    """Return ``objective``, ``best_epoch`` and ``finished`` of an epoch.

    An epoch that was not evaluated has the best metric of those before it, 0 where there is none.

    Args:
        config: of the run.
        report: of the epoch.
        history: reports of the epochs before it.
        has_queries: whether there are validation queries; without any the loss decides, and the
            last epoch is the best.
    """
    metric, best = config.search.metric, history[-1] if history else None
    own = report[metric] if metric in report else 0.0 if has_queries else -report["loss"]
    is_better = best is None or own > best["objective"] or not has_queries
    decides = {"objective": own, "best_epoch": report["epoch"]} if is_better else best
    assert decides is not None  # noqa: S101  (mypy)
    return {
        "objective": decides["objective"],
        "best_epoch": decides["best_epoch"],
        "finished": report["epoch"] >= config.optim.epochs,
    }
