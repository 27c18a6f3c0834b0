"""Eq. 4 against worked examples, and the properties that make weights safe.

SCORES and the printed numbers are worked examples: Eq. 4 evaluated in float64 by a separate numpy
script, printed to ten digits.
"""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from softnce.losses.infonce import soft_info_nce
from softnce.weights.weighting import (
    negative_shares,
    negative_weights,
    renormalised,
    weight_spread,
)
from tests.softnce.weights.worked import PAPER, PAPER_BM25, draw, seeds
from tests.worked import DIGITS, LOGITS, double

SHARES_A = [
    [0, 0.4754849553, 0.2361188410, 0.2883962037],
    [0.4506267060, 0, 0.2473091798, 0.3020641143],
    [0.2663901758, 0.2944066751, 0, 0.4392031491],
    [0.2894331104, 0.3198730563, 0.3906938333, 0],
]


SHARES_B = [
    [0, 0.9924082467, 0.0009049592, 0.0066867942],
    [0.9796292072, 0, 0.0024282580, 0.0179425348],
    [0.0065732632, 0.0178679819, 0, 0.9755587549],
    [0.0420100661, 0.1141951994, 0.8437947345, 0],
]


WEIGHTS_A = [
    [1, 0.3070108427, 1.4739206501, 1.2190685072],
    [0.4281948085, 1, 1.4193677487, 1.1524374429],
    [1.3263478931, 1.1897674588, 1, 0.4838846481],
    [1.2140135868, 1.0656188504, 0.7203675628, 1],
]


WEIGHTS_B = [
    [1, 0.1, 2.6205883240, 2.5924018784],
    [0.1, 1, 2.6131622421, 2.5375301428],
    [2.5929553420, 2.5378935884, 1, 0.1],
    [2.4202009276, 2.0682984030, 0.1, 1],
]


coefficients = st.fixed_dictionaries(
    {
        "alpha": st.floats(0, 1.9),
        "beta": st.floats(0.5, 2),
        "temperature": st.floats(0.05, 5),
    }
)


def paper_weights(scores: Tensor, answers: Tensor, alpha, beta, temperature, floor) -> Tensor:
    """Eq. 4 with its sums as printed, then the clamp of appendix C.2."""
    weights = torch.ones_like(scores)
    for i, own in enumerate(answers.tolist()):
        negatives = [j for j in range(scores.shape[1]) if j != own]
        total = sum(math.exp(scores[i, j] / temperature) for j in negatives)
        raw = {j: beta - alpha * math.exp(scores[i, j] / temperature) / total for j in negatives}
        for j in negatives:
            weight = len(negatives) * raw[j] / sum(raw.values())
            weights[i, j] = weight if floor is None else max(weight, floor)
    return weights


@pytest.mark.parametrize(("temperature", "expected"), [(1.0, SHARES_A), (0.1, SHARES_B)])
def test_shares_have_the_worked_values(scores, temperature, expected):
    shares = negative_shares(scores, temperature=temperature)
    torch.testing.assert_close(shares, double(expected), rtol=0, atol=DIGITS)


@pytest.mark.parametrize(("temperature", "expected"), [(1.0, WEIGHTS_A), (0.1, WEIGHTS_B)])
def test_weights_have_the_worked_values(scores, temperature, expected):
    weights = negative_weights(scores, **PAPER, temperature=temperature)
    torch.testing.assert_close(weights, double(expected), rtol=0, atol=DIGITS)


@pytest.mark.parametrize(
    ("settings_", "expected"),
    [
        (
            {"alpha": 1.0, "beta": 1.0, "temperature": 1.0},
            [0.7867725670, 1.1458217385, 1.0674056945],
        ),
        (PAPER | {"temperature": 5.0}, [0.8677338915, 1.0973062368, 1.0349598716]),
    ],
)
def test_first_row_has_the_worked_values(scores, settings_, expected):
    weights = negative_weights(scores, **settings_)
    assert weights[0, 1:].tolist() == pytest.approx(expected, abs=DIGITS)


@pytest.mark.parametrize(
    ("settings_", "expected"),
    [
        (PAPER | {"temperature": 1.0}, 0.6476731094),
        ({"alpha": 1.0, "beta": 1.0, "temperature": 1.0}, 0.6830221279),
        (PAPER | {"temperature": 5.0}, 0.6885499958),
        (PAPER | {"temperature": 0.1}, 0.8644055775),
        (PAPER | {"temperature": 0.1, "floor": None}, 0.3500613908),
    ],
)
def test_weighted_loss_has_the_worked_value(scores, settings_, expected):
    weights = negative_weights(scores, **settings_)
    loss = soft_info_nce(double(LOGITS), weights, torch.arange(4))
    assert loss.item() == pytest.approx(expected, abs=DIGITS)


def test_renormalised_loss_has_the_worked_value(scores):
    weights = renormalised(negative_weights(scores, **PAPER, temperature=0.1))
    loss = soft_info_nce(double(LOGITS), weights, torch.arange(4))
    assert loss.item() == pytest.approx(0.6054961233, abs=DIGITS)


def test_the_floor_acts_after_normalisation_and_raises_the_row_sums(scores):
    weights = negative_weights(scores, **PAPER, temperature=0.1)
    expected = [5.3129902024, 5.2506923849, 5.2308489304, 4.5884993306]
    assert (weights.sum(dim=1) - 1).tolist() == pytest.approx(expected, abs=DIGITS)


def test_without_a_floor_weights_turn_negative(scores):
    weights = negative_weights(scores, **PAPER, temperature=0.1, floor=None)
    found = [weights[i, j].item() for i, j in [(0, 1), (1, 0), (2, 3), (3, 2)]]
    expected = [-2.2129902024, -2.1506923849, -2.1308489304, -1.4884993306]
    assert found == pytest.approx(expected, abs=DIGITS)


def test_a_floor_of_zero_cuts_at_zero(scores):
    weights = negative_weights(scores, **PAPER, temperature=0.1, floor=0)
    assert weights[0, 1] == 0


@pytest.mark.parametrize(
    ("settings_", "size", "rest", "total"),
    [
        (PAPER_BM25, 32, 1.1071428571, 33.3142857143),
        (PAPER, 32, 1.0637254902, 32.0117647059),
        (PAPER, 64, 1.0303738318, 63.9831775701),
    ],
)
def test_one_suspect_has_the_worked_weights(settings_, size, rest, total):
    scores = torch.zeros(size, size, dtype=torch.float64)
    scores[:, 0] = scores[0, 1] = 1000.0
    weights = negative_weights(scores, **settings_, temperature=1.0)
    assert weights[1, 0] == 0.1
    assert weights[1, 2].item() == pytest.approx(rest, abs=DIGITS)
    assert weights[1].sum().item() - 1 == pytest.approx(total, abs=size * DIGITS)


@given(seeds, coefficients, st.sampled_from([None, 0, 0.1, 0.5]))
@settings(deadline=None, max_examples=40)
def test_weights_agree_with_the_sums_in_the_paper(seed, settings_, floor):
    scores = draw(seed)
    answers = torch.tensor([3, 0, 7, 1, 6, 2])
    expected = paper_weights(scores, answers, floor=floor, **settings_)
    weights = negative_weights(scores, **settings_, floor=floor, answers=answers)
    torch.testing.assert_close(weights, expected)


@given(seeds, coefficients)
@settings(deadline=None, max_examples=25)
def test_answers_weigh_one(seed, settings_):
    answers = torch.tensor([3, 0, 7, 1, 6, 2])
    weights = negative_weights(draw(seed), **settings_, answers=answers)
    assert weights[torch.arange(6), answers].tolist() == [1.0] * 6


@given(seeds, coefficients, st.floats(0, 1))
@settings(deadline=None, max_examples=25)
def test_no_weight_lies_below_the_floor(seed, settings_, floor):
    assert negative_weights(draw(seed), **settings_, floor=floor).min() >= floor


@given(seeds, coefficients)
@settings(deadline=None, max_examples=25)
def test_rows_sum_to_the_number_of_negatives_without_a_floor(seed, settings_):
    weights = negative_weights(draw(seed), **settings_, floor=None)
    assert weights.sum(dim=1).tolist() == pytest.approx([8.0] * 6)


@given(seeds, coefficients)
@settings(deadline=None, max_examples=40)
def test_the_floor_raises_a_row_sum_exactly_where_it_acts(seed, settings_):
    scores = draw(seed)
    acted = (negative_weights(scores, **settings_, floor=None) < 0.1).any(dim=1)
    raised = negative_weights(scores, **settings_).sum(dim=1) > 8 + 1e-9
    assert raised.tolist() == acted.tolist()


@given(seeds, coefficients)
@settings(deadline=None, max_examples=25)
def test_a_larger_share_never_gets_a_larger_weight(seed, settings_):
    scores = draw(seed)
    weights = negative_weights(scores, **settings_)
    negative = torch.ones(6, 8, dtype=torch.bool).fill_diagonal_(fill_value=False)
    shares = negative_shares(scores, temperature=settings_["temperature"])
    order = shares[negative].view(6, 7).argsort(dim=1)
    sorted_weights = weights[negative].view(6, 7).gather(1, order)
    assert (sorted_weights.diff(dim=1) <= 1e-12).all()


@given(seeds, coefficients, st.floats(0.01, 50))
@settings(deadline=None, max_examples=25)
def test_only_the_ratio_of_alpha_and_beta_matters(seed, settings_, factor):
    scores = draw(seed)
    scaled = settings_ | {k: settings_[k] * factor for k in ("alpha", "beta")}
    torch.testing.assert_close(
        negative_weights(scores, **scaled), negative_weights(scores, **settings_)
    )


@given(coefficients, st.integers(6, 40), st.floats(-1e3, 1e3))
@settings(deadline=None, max_examples=25)
def test_uniform_scores_weigh_one(settings_, size, score):
    weights = negative_weights(torch.full((size, size), score), **settings_)
    torch.testing.assert_close(weights, torch.ones(size, size), rtol=0, atol=1e-4)


def test_alpha_below_zero_weighs_similar_negatives_most():
    scores = torch.tensor([[9.0, 1.0, 0.0], [1.0, 9.0, 0.0], [0.0, 0.0, 9.0]])
    weights = negative_weights(scores, alpha=-3.0, beta=1.0, temperature=1.0)
    share = math.e / (math.e + 1)
    assert weights[0, 1].item() == pytest.approx((1 + 3 * share) / 2.5)
    assert weights[0, 1] > 1 > weights[0, 2]
    assert weights.sum(dim=1).tolist() == pytest.approx([3.0, 3.0, 3.0])


def test_alpha_of_zero_leaves_info_nce(scores):
    weights = negative_weights(scores, alpha=0, beta=1, temperature=0.1)
    assert weights.tolist() == torch.ones(4, 4).tolist()


@given(seeds, coefficients)
@settings(deadline=None, max_examples=25)
def test_batch_order_does_not_matter(seed, settings_):
    scores = draw(seed, extra=0)
    order = torch.randperm(6)
    shuffled = negative_weights(scores[order][:, order], **settings_)
    expected = negative_weights(scores, **settings_)[order][:, order]
    torch.testing.assert_close(shuffled, expected)


def test_an_answers_own_score_does_not_matter(scores):
    other = scores.clone().fill_diagonal_(math.inf)
    assert negative_weights(other, **PAPER, temperature=1).equal(
        negative_weights(scores, **PAPER, temperature=1)
    )


def test_scores_get_no_gradient(scores):
    weights = negative_weights(scores.requires_grad_(), **PAPER, temperature=1)
    assert not weights.requires_grad


@pytest.mark.parametrize(
    ("given_dtype", "expected"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.float32)],
)
def test_weights_are_computed_in_float32_at_least(scores, given_dtype, expected):
    weights = negative_weights(scores.to(given_dtype), **PAPER, temperature=1)
    assert weights.dtype == expected


def test_huge_scores_give_finite_weights():
    scores = draw(seed=0).float() * 1e4
    assert negative_weights(scores, **PAPER_BM25, temperature=0.05).isfinite().all()


def test_scores_that_are_no_numbers_stay_visible(scores):
    scores[1, 2] = math.nan
    assert negative_weights(scores, **PAPER, temperature=1)[1].isnan().any()


def test_weight_spread_of_info_nce_is_zero():
    assert weight_spread(torch.ones(4, 4)) == 0


def test_weight_spread_counts_negatives_only():
    """Negatives 0.5 and 1.5 on either side of their mean: 0.5."""
    weights = torch.tensor([[0.5, 9.0, 1.5], [1.5, 0.5, 9.0]])
    assert weight_spread(weights, torch.tensor([1, 2])) == 0.5
