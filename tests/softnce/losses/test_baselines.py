"""The paper's comparison losses against its sums, worked examples, and awkward inputs.

LOGITS, SCORES and the printed numbers are worked examples: the equations evaluated in float64 by a
separate numpy script, printed to ten digits.
"""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from softnce.losses.baselines import (
    bce,
    kl_info_nce,
    kl_to_shares,
    negatives_bce,
    normalised_weighted_info_nce,
    weighted_info_nce,
)
from softnce.weights.weighting import negative_shares
from tests.worked import DIGITS, double, gradient

SHARE_LOSSES = [bce, negatives_bce, weighted_info_nce, kl_to_shares, kl_info_nce]


seeds = st.integers(0, 2**32 - 1)


def draw(seed: int, scale: float = 3.0):
    """Draw logits, shares and shuffled answers with more candidates than queries."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(5, 8, generator=generator, dtype=torch.float64) * scale
    scores = torch.randn(5, 8, generator=generator, dtype=torch.float64)
    answers = torch.randperm(8, generator=generator)[:5]
    return logits, negative_shares(scores, temperature=0.5, answers=answers), answers


def softmax(row: list[float]) -> list[float]:
    total = sum(math.exp(z) for z in row)
    return [math.exp(z) / total for z in row]


def rows_of(logits: Tensor, shares: Tensor, answers: Tensor):
    return zip(logits.tolist(), shares.tolist(), answers.tolist(), strict=True)


def paper_bce(logits: Tensor, shares: Tensor, answers: Tensor) -> float:
    """The main text's binary cross-entropy, P over all candidates, 1 / N^2."""
    total = 0.0
    for row, targets, own in rows_of(logits, shares, answers):
        for j, p in enumerate(softmax(row)):
            y = 1.0 if j == own else targets[j]
            total -= y * math.log(p) + (1 - y) * math.log(1 - p)
    return total / logits.numel()


def paper_negatives_bce(logits: Tensor, shares: Tensor, answers: Tensor) -> float:
    """Appendix B.2: P over the negatives, which alone are summed."""
    total = 0.0
    for row, targets, own in rows_of(logits, shares, answers):
        kept = [j for j in range(len(row)) if j != own]
        for j, p in zip(kept, softmax([row[j] for j in kept]), strict=True):
            total -= targets[j] * math.log(p) + (1 - targets[j]) * math.log(1 - p)
    return total / logits.numel()


def paper_weighted(logits: Tensor, shares: Tensor, answers: Tensor) -> float:
    """Eq. 13 with c_j in the numerator."""
    total = 0.0
    for row, targets, own in rows_of(logits, shares, answers):
        for j, p in enumerate(softmax(row)):
            total -= (1.0 if j == own else targets[j]) * math.log(p)
    return total / len(logits)


def paper_kl(logits: Tensor, shares: Tensor, answers: Tensor) -> float:
    """KL(S_i || P_i), P over the negatives."""
    total = 0.0
    for row, targets, own in rows_of(logits, shares, answers):
        kept = [j for j in range(len(row)) if j != own]
        for j, p in zip(kept, softmax([row[j] for j in kept]), strict=True):
            total += targets[j] * (math.log(targets[j]) - math.log(p))
    return total / len(logits)


@pytest.mark.parametrize(
    ("loss", "temperature", "expected"),
    [
        (weighted_info_nce, 1.0, 2.5900463847),
        (weighted_info_nce, 5.0, 2.6553775937),
        (weighted_info_nce, 0.1, 2.2581774418),
        (normalised_weighted_info_nce, 1.0, 2.5900463847 / 2),
        (bce, 1.0, 0.7362527946),
        (bce, 5.0, 0.7549577948),
        (bce, 0.1, 0.6398320538),
        (kl_to_shares, 1.0, 0.0718894967),
        (kl_to_shares, 5.0, 0.1105831107),
        (kl_to_shares, 0.1, 0.6090093210),
        (kl_info_nce, 1.0, 0.9579915200),
        (kl_info_nce, 5.0, 0.9850770498),
        (kl_info_nce, 0.1, 1.3339753970),
    ],
)
def test_losses_have_the_worked_values(logits, scores, diagonal, loss, temperature, expected):
    shares = negative_shares(scores, temperature=temperature)
    assert loss(logits, shares, diagonal).item() == pytest.approx(expected, abs=DIGITS)


@pytest.mark.parametrize(
    ("temperature", "infonce_weight", "kl_weight", "expected"),
    [
        (1.0, 0.7, 1.3, 0.5822011231),
        (1.0, 1, 1, 0.7700963215),
        (5.0, 0.7, 1.3, 0.6325028214),
        (0.1, 0.7, 1.3, 1.2804568947),
    ],
)
def test_kl_info_nce_weighs_its_two_parts(
    logits, scores, diagonal, temperature, infonce_weight, kl_weight, expected
):
    shares = negative_shares(scores, temperature=temperature)
    loss = kl_info_nce(logits, shares, diagonal, infonce_weight=infonce_weight, kl_weight=kl_weight)
    assert loss.item() == pytest.approx(expected, abs=DIGITS)


@pytest.mark.parametrize(
    ("loss", "oracle"),
    [
        (bce, paper_bce),
        (negatives_bce, paper_negatives_bce),
        (weighted_info_nce, paper_weighted),
        (kl_to_shares, paper_kl),
    ],
)
@given(seed=seeds)
@settings(deadline=None, max_examples=20)
def test_losses_agree_with_the_sums_in_the_paper(loss, oracle, seed):
    logits, shares, answers = draw(seed)
    expected = oracle(logits, shares, answers)
    assert loss(logits, shares, answers).item() == pytest.approx(expected)


@pytest.mark.parametrize("loss", SHARE_LOSSES)
@given(seed=seeds)
@settings(deadline=None, max_examples=10)
def test_batch_order_does_not_matter(loss, seed):
    logits, shares, answers = draw(seed)
    rows, columns = torch.randperm(5), torch.randperm(8)
    shuffled = loss(
        logits[rows][:, columns], shares[rows][:, columns], columns.argsort()[answers[rows]]
    )
    torch.testing.assert_close(shuffled, loss(logits, shares, answers))


@pytest.mark.parametrize("loss", SHARE_LOSSES)
@given(seed=seeds)
@settings(deadline=None, max_examples=10)
def test_gradient_rows_sum_to_zero(loss, seed):
    logits, shares, answers = draw(seed)
    found = gradient(loss, logits, shares, answers)
    torch.testing.assert_close(found.sum(dim=1), torch.zeros(5, dtype=torch.float64))


@pytest.mark.parametrize("loss", SHARE_LOSSES)
def test_gradient_agrees_with_finite_differences(loss):
    logits, shares, answers = draw(seed=2, scale=1.0)
    assert torch.autograd.gradcheck(lambda z: loss(z, shares, answers), logits.requires_grad_())


@pytest.mark.parametrize("loss", SHARE_LOSSES)
def test_shares_get_no_gradient(loss):
    logits, shares, answers = draw(seed=2)
    loss(logits.requires_grad_(), shares.requires_grad_(), answers).backward()
    assert shares.grad is None


@pytest.mark.parametrize("loss", SHARE_LOSSES)
def test_a_share_of_zero_is_harmless(logits, diagonal, loss):
    shares = torch.eye(4, dtype=torch.float64).roll(1, dims=1)
    assert loss(logits, shares, diagonal).isfinite()
    assert gradient(loss, logits, shares, diagonal).isfinite().all()


@pytest.mark.parametrize("loss", SHARE_LOSSES)
@given(seed=seeds)
@settings(deadline=None, max_examples=10)
def test_float32_survives_logits_of_five_hundred(loss, seed):
    logits, shares, answers = draw(seed, scale=500.0)
    narrow = loss(logits.float(), shares.float(), answers)
    assert narrow.item() == pytest.approx(loss(logits, shares, answers).item(), rel=1e-5)
    assert gradient(loss, logits.float(), shares.float(), answers).isfinite().all()


@pytest.mark.parametrize("loss", SHARE_LOSSES)
def test_losses_are_computed_in_float32_at_least(logits, scores, diagonal, loss):
    shares = negative_shares(scores, temperature=1)
    assert loss(logits.bfloat16(), shares, diagonal).dtype == torch.float32
    assert loss(logits, shares.float(), diagonal).dtype == torch.float64


@pytest.mark.parametrize("loss", SHARE_LOSSES[:3])
def test_the_answers_own_shares_are_not_read(logits, scores, diagonal, loss):
    shares = negative_shares(scores, temperature=1)
    other = shares.clone().fill_diagonal_(0.3)
    assert loss(logits, other, diagonal) == loss(logits, shares, diagonal)


def test_bce_of_a_certain_mistake_is_not_capped():
    """P_1 = 1 - e^-500: -[log P_0 + log(1 - P_1)] / 2 = (500 + 500) / 2."""
    loss = bce(double([[0.0, 500.0]]), double([[0.0, 0.0]]), torch.tensor([0]))
    assert loss.item() == pytest.approx(500)


def test_divergence_is_zero_where_model_and_estimator_agree(logits, diagonal):
    shares = negative_shares(logits, temperature=1)
    assert kl_to_shares(logits, shares, diagonal).item() == pytest.approx(0, abs=1e-12)
