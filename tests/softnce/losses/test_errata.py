"""The paper's slips (METHOD A.8) by numbers: what is printed fails, the corrected form holds.

Every draw is a row with its answer in column 0; S are the shares, P a softmax over all candidates.
"""

import math

import pytest
import torch

from softnce.losses.baselines import negatives_bce, weighted_info_nce
from softnce.losses.infonce import info_nce, soft_info_nce
from softnce.weights.weighting import negative_shares, negative_weights

DRAWS = 200
BM25, SIMCSE = {"alpha": 1.5, "beta": 0.5}, {"alpha": 1.3, "beta": 0.7}  # Table 7


def drawn(size, seed=0):
    generator = torch.Generator().manual_seed(seed + size)
    logits = torch.randn(DRAWS, size, generator=generator, dtype=torch.float64) * 5
    scores = torch.randn(DRAWS, size, generator=generator, dtype=torch.float64) * 2
    return logits, scores, torch.zeros(DRAWS, dtype=torch.long)


def soft_weights(scores, answers, *, floor=None, alpha=1.0, beta=1.0):
    return negative_weights(
        scores, alpha=alpha, beta=beta, temperature=1.0, floor=floor, answers=answers
    )


def row_losses(logits, constants, answers):
    """Return L_W (of shares) and L_soft (of weights) of every row alone."""
    shares, weights = constants
    log_p = logits.log_softmax(dim=1)
    weighted = -log_p[:, 0] - (shares * log_p)[:, 1:].sum(dim=1)
    soft = torch.stack(
        [
            soft_info_nce(z, w, a)
            for z, w, a in zip(logits.split(1), weights.split(1), answers.split(1), strict=True)
        ]
    )
    return weighted, soft


def test_equation_5_is_the_gradient_for_negatives_and_not_for_the_positive():
    """In e^z: w_ij / (N sum) for j != i; (-e^-z_ii + 1 / sum) / N for the positive."""
    generator = torch.Generator().manual_seed(1)
    exponentials = torch.rand(4, 4, generator=generator, dtype=torch.float64) + 0.1
    weights = torch.rand(4, 4, generator=generator, dtype=torch.float64).fill_diagonal_(1.0)
    exponentials.requires_grad_()
    soft_info_nce(exponentials.log(), weights, torch.arange(4)).backward()
    partition = (weights * exponentials).sum(dim=1, keepdim=True).detach()
    printed = weights / (4 * partition)
    own = torch.eye(4, dtype=torch.bool)
    torch.testing.assert_close(exponentials.grad[~own], printed[~own])
    corrected = (1 / partition.squeeze(1) - 1 / exponentials.detach().diagonal()) / 4
    torch.testing.assert_close(exponentials.grad.diagonal(), corrected)
    assert (printed.diagonal() > 0).all()
    assert (corrected < 0).all()


def test_equation_11_draws_negatives_from_a_distribution():
    """With alpha = beta = 1, w / (N - 1) = (1 - s) / (N - 2), which sums to 1."""
    _, scores, answers = drawn(8)
    weights = soft_weights(scores, answers)[:, 1:]
    shares = negative_shares(scores, temperature=1.0, answers=answers)[:, 1:]
    torch.testing.assert_close(weights / 7, (1 - shares) / 6)
    torch.testing.assert_close((weights / 7).sum(dim=1), torch.ones(DRAWS, dtype=torch.float64))


@pytest.mark.parametrize("size", [6, 8, 32])
@pytest.mark.parametrize("settings", [BM25, SIMCSE], ids=["bm25", "simcse"])
def test_the_constant_of_theorem_1_is_the_mass_of_the_weights(size, settings):
    """beta (N - 1) - alpha, not the printed beta N - alpha - 1, which can even be 0 or less."""
    _, scores, answers = drawn(size)
    alpha, beta = settings["alpha"], settings["beta"]
    shares = negative_shares(scores, temperature=1.0, answers=answers)[:, 1:]
    mass = (beta - alpha * shares).sum(dim=1)
    assert mass.tolist() == pytest.approx([beta * (size - 1) - alpha] * DRAWS)
    assert abs(float(mass[0]) - (beta * size - alpha - 1)) == pytest.approx(1 - beta)
    weights = soft_weights(scores, answers, **settings)[:, 1:]
    torch.testing.assert_close(weights, (beta - alpha * shares) / mass[:, None] * (size - 1))


def test_the_printed_constant_is_zero_where_the_corrected_one_is_not():
    assert 0.5 * 5 - 1.5 - 1 == 0
    assert 0.5 * (5 - 1) - 1.5 > 0
    soft_weights(torch.eye(5), torch.arange(5), **BM25)


def test_theorem_2_as_printed_lies_below_the_loss():
    """N = 5, all uniform: 1.1507282898 without H, -0.2355660713 with the sign of appendix B.2."""
    logits, answers = torch.zeros(1, 5, dtype=torch.float64), torch.tensor([0])
    shares = negative_shares(logits, temperature=1.0, answers=answers)
    loss = 5 * float(negatives_bce(logits, shares, answers))
    misses = -float(torch.log1p(-logits[:, 1:].softmax(dim=1)).sum())
    entropy = -float(torch.xlogy(shares, shares).sum())
    assert misses == pytest.approx(1.1507282898, abs=6e-11)
    assert misses - entropy == pytest.approx(-0.2355660713, abs=6e-11)
    assert misses - entropy < misses < loss < misses + entropy


@pytest.mark.parametrize("size", [3, 8, 32])
def test_proposition_1_bounds_a_positive_loss_by_a_negative_number(size):
    logits, scores, answers = drawn(size)
    weights = soft_weights(scores, answers)
    bound = (weights * logits.log_softmax(dim=1))[:, 1:].sum(dim=1)
    assert (bound <= 0).all()
    assert (row_losses(logits, (weights, weights), answers)[1] >= 0).all()


@pytest.mark.parametrize("size", [3, 8, 32])
def test_the_jensen_step_of_proposition_1_needs_its_weights_to_sum_to_one(size):
    logits, scores, answers = drawn(size)
    logits, weights = logits.abs()[:, 1:], soft_weights(scores, answers)[:, 1:]
    left = (weights * logits.exp()).sum(dim=1).log()
    products = (weights * logits).sum(dim=1)
    assert (left >= math.log(size - 1) + products / (size - 1) - 1e-9).all()
    assert (left < products).float().mean() > 0.5


@pytest.mark.parametrize(("settings", "least"), [(SIMCSE, 1.2258), (BM25, 1.1898)])
def test_weighted_info_nce_stays_above_soft_info_nce_with_the_papers_settings(settings, least):
    """N = 32 with the floor; the least gaps were found by optimisation."""
    logits, scores, answers = drawn(32)
    shares = negative_shares(scores, temperature=1.0, answers=answers)
    weights = soft_weights(scores, answers, floor=0.1, **settings)
    weighted, soft = row_losses(logits, (shares, weights), answers)
    assert (weighted - soft).min() >= least - 1e-4


def test_the_floor_can_turn_the_order_round_in_a_batch_of_three():
    """S = (0, 1) makes w = (14, 0.1); half of P each: log 2 - log 7.05 = -1.26, by hand."""
    scores = torch.tensor([[0.0, -2000.0, 0.0]], dtype=torch.float64)
    logits, answer = torch.tensor([[-800.0, 0.0, 0.0]], dtype=torch.float64), torch.tensor([0])
    weights = soft_weights(scores, answer, floor=0.1, **SIMCSE)
    torch.testing.assert_close(weights, torch.tensor([[1.0, 14.0, 0.1]], dtype=torch.float64))
    shares = negative_shares(scores, temperature=1.0, answers=answer)
    gap = weighted_info_nce(logits, shares, answer) - soft_info_nce(logits, weights, answer)
    assert float(gap) == pytest.approx(math.log(2) - math.log(7.05))


@pytest.mark.parametrize("size", [3, 8, 32])
def test_info_nce_differs_from_the_mean_over_negatives_by_the_log_of_their_number(size):
    """Eq. 10 has the sign wrong: its right side is the loss minus log(N - 1), not plus.

    L = log(1 + sum_j e^(z_j - z_i)); means over the negatives in place of sums take log(N - 1) off.
    """
    logits, _, _ = drawn(size)
    ratios = (logits[:, 1:] - logits[:, :1]).exp()
    loss = torch.stack([info_nce(row, torch.tensor([0])) for row in logits.split(1)])
    display = (1 / (size - 1) + ratios.mean(dim=1)).log()
    torch.testing.assert_close(display, loss - math.log(size - 1))


def info_nce_of(ratio, size):
    """Return Eq. 9 before and after its >=, for r = p(c_i) / p(c_i|q_i) and N candidates."""
    return math.log(1 + ratio * (size - 1)), math.log(ratio * size)


@pytest.mark.parametrize("size", [2, 8, 32])
def test_the_bound_of_equation_9_holds_for_a_snippet_that_its_query_makes_likelier(size):
    """A joint p(q, c) of .4 against margins of .5: r = .5 / .8."""
    before, after = info_nce_of(0.5 / 0.8, size)
    assert before >= after
    assert info_nce_of(1.0, size) == pytest.approx((math.log(size), math.log(size)))


@pytest.mark.parametrize("size", [2, 8, 32])
def test_the_bound_of_equation_9_fails_for_a_snippet_that_its_query_makes_rarer(size):
    """A joint p(q, c) of .1 against margins of .5: r = .5 / .2, and 1 + r (N - 1) < r N."""
    before, after = info_nce_of(0.5 / 0.2, size)
    assert before < after


@pytest.mark.parametrize("size", [4, 8, 32])
def test_the_mean_after_equation_10_is_the_expectation_under_uniform_draws_and_not_under_q(size):
    """q(c_j) = (1 - s_ij) / (N - 2); its expectation is the mean of w e^z, that of Eq. 11."""
    logits, scores, answers = drawn(size)
    shares = negative_shares(scores, temperature=1.0, answers=answers)[:, 1:]
    values, q = logits[:, 1:].exp(), (1 - shares) / (size - 2)
    printed, under_q = values.mean(dim=1), (q * values).sum(dim=1)
    under_p = (torch.full_like(q, 1 / (size - 1)) * values).sum(dim=1)
    torch.testing.assert_close(printed, under_p)
    assert ((printed - under_q).abs() > 1e-4 * printed).all()
    weights = soft_weights(scores, answers)[:, 1:]
    torch.testing.assert_close((weights * values).mean(dim=1), under_q)


def test_the_two_expectations_agree_where_all_shares_are_alike():
    logits, _, answers = drawn(8)
    q = (1 - negative_shares(torch.zeros_like(logits), temperature=1.0, answers=answers)) / 6
    values = logits.exp()
    torch.testing.assert_close((q * values)[:, 1:].sum(dim=1), values[:, 1:].mean(dim=1))
