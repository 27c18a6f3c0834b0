"""The losses that drop negatives, by a number and by a threshold: worked values and awkward inputs.

LOGITS, SCORES and the printed numbers are worked examples: the equations evaluated in float64 by a
separate numpy script, printed to ten digits.
"""

import math
from functools import partial

import pytest
import torch

from softnce.errors import ConfigError
from softnce.losses.baselines import (
    threshold_info_nce,
    top_k_info_nce,
)
from softnce.losses.infonce import info_nce
from tests.worked import DIGITS, SCORES, double, gradient


@pytest.mark.parametrize(("k", "expected"), [(1, 0.4405370172), (2, 0.2056286434)])
def test_top_k_has_the_worked_value(logits, scores, diagonal, k, expected):
    loss = top_k_info_nce(logits, scores, diagonal, k=k)
    assert loss.item() == pytest.approx(expected, abs=DIGITS)


@pytest.mark.parametrize(
    ("ratio", "expected"), [(0.7, 0.5817247440), (0.5, 0.4405370172), (0.3, 0.2360282040)]
)
def test_threshold_has_the_worked_value(logits, scores, diagonal, ratio, expected):
    loss = threshold_info_nce(logits, scores, diagonal, ratio=ratio)
    assert loss.item() == pytest.approx(expected, abs=DIGITS)


def test_top_k_of_zero_is_info_nce(logits, scores, diagonal):
    assert top_k_info_nce(logits, scores, diagonal, k=0) == info_nce(logits, diagonal)


def test_top_k_never_drops_the_answer(logits, diagonal):
    """The answer has the highest score: it stays, and the next one goes."""
    scores = torch.eye(4, dtype=torch.float64) * 9 + double(SCORES)
    kept = top_k_info_nce(logits, double(SCORES), diagonal, k=1)
    assert top_k_info_nce(logits, scores, diagonal, k=1) == kept


def test_top_k_finds_shuffled_answers(logits, scores, diagonal):
    columns = torch.tensor([2, 0, 3, 1])
    shuffled = top_k_info_nce(logits[:, columns], scores[:, columns], columns.argsort(), k=1)
    torch.testing.assert_close(shuffled, top_k_info_nce(logits, scores, diagonal, k=1))


@pytest.mark.parametrize("k", [-1, 3, 4])
def test_dropping_all_negatives_is_refused(logits, scores, diagonal, k):
    with pytest.raises(ConfigError, match=f"k={k} of 3 negatives cannot be dropped"):
        top_k_info_nce(logits, scores, diagonal, k=k)


def test_a_negative_at_the_threshold_is_dropped():
    logits, scores = double([[0.0, 0.0, 0.0]]), double([[2.0, 1.0, 0.999]])
    loss = threshold_info_nce(logits, scores, torch.tensor([0]), ratio=0.5)
    assert loss.item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("own", [0.0, -2.0])
def test_an_own_score_without_meaning_drops_nothing(own):
    logits, scores = double([[0.0, 0.0, 0.0]]), double([[own, 0.0, -1.5]])
    loss = threshold_info_nce(logits, scores, torch.tensor([0]), ratio=0.5)
    assert loss.item() == pytest.approx(math.log(3))


def test_a_ratio_above_one_keeps_the_answer():
    logits, scores = double([[0.0, 0.0, 0.0]]), double([[1.0, 5.0, 5.0]])
    loss = threshold_info_nce(logits, scores, torch.tensor([0]), ratio=1)
    assert loss.item() == pytest.approx(0)


@pytest.mark.parametrize("ratio", [0, -0.5, math.nan])
def test_a_ratio_of_nothing_is_refused(logits, scores, diagonal, ratio):
    with pytest.raises(ConfigError, match=f"ratio={ratio} would drop every negative"):
        threshold_info_nce(logits, scores, diagonal, ratio=ratio)


@pytest.mark.parametrize(
    ("loss", "options"), [(top_k_info_nce, {"k": 1}), (threshold_info_nce, {"ratio": 0.7})]
)
def test_dropped_negatives_get_no_gradient(logits, scores, diagonal, loss, options):
    found = gradient(loss, logits, scores, diagonal, **options)
    assert found[0, 1] == 0
    assert found.isfinite().all()


@pytest.mark.parametrize("loss", [top_k_info_nce, partial(threshold_info_nce, ratio=0.5)])
def test_a_score_that_is_no_number_is_not_ranked_away(loss):
    logits, scores, answers = torch.randn(3, 4), torch.rand(3, 4), torch.arange(3)
    assert torch.isfinite(loss(logits, scores, answers))
    scores[1, 3] = math.nan
    assert torch.isnan(loss(logits, scores, answers))
