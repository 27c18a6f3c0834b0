"""InfoNCE and Soft-InfoNCE against the paper's sums, hand-derived values and their identities.

LOGITS and the printed numbers are worked examples: the paper's equations evaluated in float64 by a
separate numpy script, printed to ten digits.
"""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from softnce.losses.infonce import (
    info_nce,
    soft_info_nce,
)
from tests.softnce.losses.sums import WEIGHTS_A, draw, paper_info_nce, paper_soft_info_nce
from tests.worked import DIGITS, double, gradient

WEIGHTS_B = [  # temperature 0.1: three entries meet the floor
    [1, 0.1, 2.6205883240, 2.5924018784],
    [0.1, 1, 2.6131622421, 2.5375301428],
    [2.5929553420, 2.5378935884, 1, 0.1],
    [2.4202009276, 2.0682984030, 0.1, 1],
]


GRADIENT_A = [
    [-0.0653247795, 0.0126508765, 0.0135518718, 0.0391220312],
    [0.0301899795, -0.1007403969, 0.0472710765, 0.0232793408],
    [0.0301851101, 0.0945073316, -0.1480054338, 0.0233129921],
    [0.0568193973, 0.0334316012, 0.0555871573, -0.1458381557],
]


GRADIENT_B = [
    [-0.0940692996, 0.0034792842, 0.0203444983, 0.0702455171],
    [0.0059831729, -0.1233362286, 0.0738545177, 0.0434985380],
    [0.0401523927, 0.1371696101, -0.1806002164, 0.0032782137],
    [0.0976354253, 0.0559308479, 0.0066512495, -0.1602175226],
]


seeds = st.integers(0, 2**32 - 1)


def test_info_nce_has_the_worked_value(logits, diagonal):
    assert info_nce(logits, diagonal).item() == pytest.approx(0.6982068248, abs=DIGITS)


@pytest.mark.parametrize(
    ("row", "expected"),
    list(enumerate([0.3692789984, 0.6047705062, 0.9059565157, 0.9128212790])),
)
def test_info_nce_of_one_query_has_the_worked_value(logits, row, expected):
    one = info_nce(logits[row : row + 1], torch.tensor([row]))
    assert one.item() == pytest.approx(expected, abs=DIGITS)


def test_info_nce_of_sharp_logits_has_the_worked_value(logits, diagonal):
    assert info_nce(20 * logits, diagonal).item() == pytest.approx(0.0022979389, abs=DIGITS)


@pytest.mark.parametrize(
    ("weights", "expected"), [(WEIGHTS_A, 0.6476731094), (WEIGHTS_B, 0.8644055775)]
)
def test_soft_info_nce_has_the_worked_value(logits, diagonal, weights, expected):
    loss = soft_info_nce(logits, double(weights), diagonal)
    assert loss.item() == pytest.approx(expected, abs=DIGITS)


@pytest.mark.parametrize(
    ("weights", "expected"), [(WEIGHTS_A, GRADIENT_A), (WEIGHTS_B, GRADIENT_B)]
)
def test_soft_info_nce_has_the_worked_gradient(logits, diagonal, weights, expected):
    found = gradient(soft_info_nce, logits, double(weights), diagonal)
    torch.testing.assert_close(found, double(expected), rtol=0, atol=1e-10)


def test_a_far_behind_positive_still_counts_in_full():
    """(log(e^0 + e^50) - 0 + log 2) / 2 = 25.3465735903; an epsilon of 1e-15 makes it 17.6."""
    far = double([[0.0, 50.0], [0.0, 0.0]])
    loss = soft_info_nce(far, torch.ones_like(far), torch.arange(2))
    assert loss.item() == pytest.approx(25.3465735903, abs=1e-10)


def test_a_far_behind_positive_still_has_a_gradient():
    far = double([[0.0, 50.0], [0.0, 0.0]])
    found = gradient(soft_info_nce, far, torch.ones_like(far), torch.arange(2))
    assert found[0].tolist() == pytest.approx([-0.5, 0.5])


@given(seeds)
@settings(deadline=None, max_examples=25)
def test_info_nce_agrees_with_the_sum_in_the_paper(seed):
    logits, _, answers = draw(seed)
    assert info_nce(logits, answers).item() == pytest.approx(paper_info_nce(logits, answers))


@given(seeds)
@settings(deadline=None, max_examples=25)
def test_soft_info_nce_agrees_with_the_sum_in_the_paper(seed):
    logits, weights, answers = draw(seed)
    expected = paper_soft_info_nce(logits, weights, answers)
    assert soft_info_nce(logits, weights, answers).item() == pytest.approx(expected)


@given(seeds)
@settings(deadline=None, max_examples=25)
def test_unit_weights_give_info_nce(seed):
    logits, weights, answers = draw(seed)
    soft = soft_info_nce(logits, torch.ones_like(weights), answers)
    torch.testing.assert_close(soft, info_nce(logits, answers), rtol=1e-13, atol=1e-13)


@given(seeds)
@settings(deadline=None, max_examples=25)
def test_a_weight_is_a_shift_of_its_logit(seed):
    logits, weights, answers = draw(seed)
    shifted = info_nce(logits + weights.log(), answers)
    torch.testing.assert_close(soft_info_nce(logits, weights, answers), shifted)


@given(seeds)
@settings(deadline=None, max_examples=25)
def test_zero_weight_removes_a_pair(seed):
    logits, weights, answers = draw(seed)
    column = next(j for j in range(logits.shape[1]) if j not in answers.tolist())
    kept = [j for j in range(logits.shape[1]) if j != column]
    removed = soft_info_nce(
        logits[:, kept], weights[:, kept], torch.tensor([kept.index(a) for a in answers.tolist()])
    )
    weights[:, column] = 0
    torch.testing.assert_close(soft_info_nce(logits, weights, answers), removed)


def test_a_removed_pair_may_have_any_logit():
    """log(e^0 + e^1) - 0, by hand; the pair at 1000 is gone."""
    logits, weights = double([[0.0, 1000.0, 1.0]]), double([[1.0, 0.0, 1.0]])
    loss = soft_info_nce(logits, weights, torch.tensor([0]))
    assert loss.item() == pytest.approx(math.log(1 + math.e))


def test_zero_weight_has_no_gradient(logits, diagonal):
    weights = double(WEIGHTS_A)
    weights[1, 3] = 0
    found = gradient(soft_info_nce, logits, weights, diagonal)
    assert found[1, 3] == 0


def test_gradients_are_finite_when_all_negatives_weigh_nothing(logits, diagonal):
    found = gradient(soft_info_nce, logits, torch.eye(4, dtype=torch.float64), diagonal)
    assert found.tolist() == torch.zeros(4, 4).tolist()


def test_the_answers_own_weights_are_not_read(logits, diagonal):
    weights = double(WEIGHTS_A)
    other = weights.clone().fill_diagonal_(7.0)
    assert soft_info_nce(logits, other, diagonal) == soft_info_nce(logits, weights, diagonal)


def test_weights_get_no_gradient(logits, diagonal):
    weights = double(WEIGHTS_A).requires_grad_()
    soft_info_nce(logits.requires_grad_(), weights, diagonal).backward()
    assert weights.grad is None


@given(seeds)
@settings(deadline=None, max_examples=25)
def test_batch_order_does_not_matter(seed):
    logits, weights, answers = draw(seed)
    rows, columns = torch.randperm(5), torch.randperm(8)
    shuffled = soft_info_nce(
        logits[rows][:, columns], weights[rows][:, columns], columns.argsort()[answers[rows]]
    )
    torch.testing.assert_close(shuffled, soft_info_nce(logits, weights, answers))


@given(seeds)
@settings(deadline=None, max_examples=25)
def test_gradient_rows_sum_to_zero(seed):
    logits, weights, answers = draw(seed)
    found = gradient(soft_info_nce, logits, weights, answers)
    torch.testing.assert_close(found.sum(dim=1), torch.zeros(5, dtype=torch.float64))


@given(seeds, st.integers(0, 4), st.integers(0, 7), st.floats(1.01, 10))
@settings(deadline=None, max_examples=25)
def test_a_heavier_negative_never_lowers_the_loss(seed, row, column, factor):
    logits, weights, answers = draw(seed)
    before = soft_info_nce(logits, weights, answers)
    weights[row, column] *= factor
    assert soft_info_nce(logits, weights, answers) >= before


@given(seeds)
@settings(deadline=None, max_examples=10)
def test_gradient_agrees_with_finite_differences(seed):
    logits, weights, answers = draw(seed, scale=1.0)
    weights[0, (answers[0] + 1) % 8] = -0.01
    assert torch.autograd.gradcheck(
        lambda z: soft_info_nce(z, weights, answers), logits.requires_grad_()
    )


@given(seeds)
@settings(deadline=None, max_examples=25)
def test_float32_survives_logits_of_five_hundred(seed):
    logits, weights, answers = draw(seed, scale=500.0)
    narrow = soft_info_nce(logits.float(), weights.float(), answers)
    wide = soft_info_nce(logits, weights, answers)
    assert narrow.item() == pytest.approx(wide.item(), rel=1e-5, abs=1e-4)


@given(seeds)
@settings(deadline=None, max_examples=25)
def test_float32_gradients_survive_logits_of_five_hundred(seed):
    logits, weights, answers = draw(seed, scale=500.0)
    narrow = gradient(soft_info_nce, logits.float(), weights.float(), answers)
    wide = gradient(soft_info_nce, logits, weights, answers)
    torch.testing.assert_close(narrow.double(), wide, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("given_dtype", "expected"),
    [
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_losses_are_computed_in_float32_at_least(logits, diagonal, given_dtype, expected):
    narrow = logits.to(given_dtype)
    assert info_nce(narrow, diagonal).dtype == expected
    assert soft_info_nce(narrow, double(WEIGHTS_A), diagonal).dtype == expected


def test_bfloat16_logits_lose_nothing_more_than_their_own_rounding(logits, diagonal):
    narrow = logits.bfloat16()
    loss = soft_info_nce(narrow, double(WEIGHTS_A), diagonal)
    exact = soft_info_nce(narrow.double(), double(WEIGHTS_A), diagonal)
    assert loss.item() == pytest.approx(exact.item(), abs=1e-6)


def test_negative_weights_are_subtracted():
    """(log(e^1 + 2 e^0 - 0.5 e^2) - 1), by hand."""
    logits, weights = double([[1.0, 0.0, 2.0]]), double([[1.0, 2.0, -0.5]])
    expected = math.log(math.e + 2 - 0.5 * math.exp(2)) - 1
    loss = soft_info_nce(logits, weights, torch.tensor([0]))
    assert loss.item() == pytest.approx(expected, abs=1e-12)


def test_a_partition_below_zero_is_not_finite():
    logits, weights = double([[0.0, 5.0]]), double([[1.0, -2.0]])
    assert soft_info_nce(logits, weights, torch.tensor([0])).isnan()
