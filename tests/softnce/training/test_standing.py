"""Where a run stands after each epoch, evaluated or not."""

import pytest

from softnce.config.file import validated
from softnce.training.standing import is_evaluated, standing


def stood(values, *, has_queries=True, **optim):
    """Return objective and best epoch after each epoch; None: not evaluated."""
    config = validated({"data": {"path": "x"}, "optim": {"epochs": len(values), **optim}})
    history = []
    for epoch, value in enumerate(values, start=1):
        report = {"epoch": epoch, "loss": 1.0 / epoch} | ({} if value is None else {"mrr": value})
        history.append(report | standing(config, report, history, has_queries=has_queries))
    return [(one["objective"], one["best_epoch"]) for one in history], history


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([0.2, 0.4, 0.3], [(0.2, 1), (0.4, 2), (0.4, 2)]),
        ([None, 0.4, None, 0.5], [(0.0, 1), (0.4, 2), (0.4, 2), (0.5, 4)]),
        ([0.4, 0.4], [(0.4, 1), (0.4, 1)]),
    ],
)
def test_the_first_best_epoch_counts_and_one_that_was_not_evaluated_never_does(values, wanted):
    assert stood(values)[0] == wanted


def test_without_queries_the_loss_decides_and_the_last_epoch_is_the_best():
    found, history = stood([None, None], has_queries=False)
    assert found == [(-1.0, 1), (-0.5, 2)]
    assert [one["finished"] for one in history] == [False, True]


def test_the_last_epoch_is_always_evaluated():
    optim = validated({"data": {"path": "x"}, "optim": {"epochs": 5, "evaluate_every": 2}}).optim
    assert [is_evaluated(optim, epoch) for epoch in range(1, 6)] == [False, True, False, True, True]


@pytest.mark.parametrize(
    ("values", "patience", "ends"),
    [
        ([0.2, 0.3, 0.3, 0.1, 0.9], 2, [False, False, False, True, True]),
        ([0.2, 0.3, 0.3, 0.1, 0.9], 1, [False, False, True, True, True]),
        ([0.2, 0.1, 0.3, 0.1, 0.4], 2, [False, False, False, False, True]),
        ([0.2, 0.1, 0.1, 0.1], None, [False, False, False, True]),
    ],
)
def test_patience_counts_the_evaluations_since_the_best(values, patience, ends):
    _, history = stood(values, patience=patience)
    assert [one["finished"] for one in history] == ends


def test_patience_counts_no_epoch_that_was_not_evaluated_and_never_the_loss():
    _, history = stood([None, 0.4, None, 0.3, None, 0.2], patience=2, evaluate_every=2)
    assert [one["finished"] for one in history] == [False] * 5 + [True]
    _, history = stood([None, None, None], has_queries=False, patience=1)
    assert [one["finished"] for one in history] == [False, False, True]
