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
    A run is finished with its last epoch, or when ``optim.patience`` is at its end.

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
    has_ended = report["epoch"] >= config.optim.epochs
    if has_queries and metric in report:
        has_ended |= _is_out_of_patience(config.optim, report["epoch"], decides["best_epoch"])
    return {
        "objective": decides["objective"],
        "best_epoch": decides["best_epoch"],
        "finished": has_ended,
    }


def _is_out_of_patience(optim: OptimSection, epoch: int, best: int) -> bool:
    """Tell whether too many evaluations since the best epoch were no better."""
    if optim.patience is None:
        return False
    since = sum(is_evaluated(optim, one) for one in range(best + 1, epoch + 1))
    return since >= optim.patience
