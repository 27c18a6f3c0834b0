"""The paper's theorems, as corrected, on random rows; and where the printed forms fail.

S are the shares, P the model's softmax over the negatives, H the entropy, D = beta (N - 1) - alpha.
"""

import math

import pytest
import torch
from torch import Tensor

from softnce.losses.baselines import kl_to_shares, negatives_bce, weighted_info_nce
from softnce.losses.infonce import info_nce, soft_info_nce
from softnce.weights.weighting import negative_shares, negative_weights

ROWS = 300
SIZES = [3, 4, 8, 32, 64]
SCALES = [1.0, 5.0, 20.0]


def rows(size: int, scale: float, sign: int = 0):
    """Draw independent rows, their answer in column 0; sign -1 or 1 makes all logits such."""
    generator = torch.Generator().manual_seed(size * 100 + int(scale))
    logits = torch.randn(ROWS, size, generator=generator, dtype=torch.float64) * scale
    scores = torch.randn(ROWS, size, generator=generator, dtype=torch.float64) * 2
    answers = torch.zeros(ROWS, dtype=torch.long)
    return (sign * logits.abs() if sign else logits), scores, answers


def each(loss, logits: Tensor, constants: Tensor, answers: Tensor) -> Tensor:
    """Evaluate a mean loss on every row alone."""
    parts = zip(logits.split(1), constants.split(1), answers.split(1), strict=True)
    return torch.stack([loss(z, x, a) for z, x, a in parts])


def entropy(shares: Tensor) -> Tensor:
    return -torch.xlogy(shares, shares).sum(dim=1)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("size", SIZES)
def test_weighted_info_nce_exceeds_soft_info_nce(size, scale):
    """L_W - L_soft >= log(4 (N - 2) / (N - 1)) > 0, the opposite of Proposition 1's reading."""
    logits, scores, answers = rows(size, scale)
    shares = negative_shares(scores, temperature=1, answers=answers)
    weights = negative_weights(scores, alpha=1, beta=1, temperature=1, floor=None, answers=answers)
    gap = each(weighted_info_nce, logits, shares, answers) - each(
        soft_info_nce, logits, weights, answers
    )
    assert gap.min() >= math.log(4 * (size - 2) / (size - 1)) - 1e-9


def test_the_gap_is_reached():
    """N = 4, all blame on one negative that holds half of P: log(8 / 3), by hand.

    S = (1, 0, 0) makes w = (0, 3/2, 3/2); P = (1/2, 1/4, 1/4), the positive being far below.
    """
    logits = torch.tensor([[-800.0, 0.0, -math.log(2), -math.log(2)]], dtype=torch.float64)
    shares = torch.tensor([[0.0, 1.0, 0.0, 0.0]], dtype=torch.float64)
    weights = torch.tensor([[1.0, 0.0, 1.5, 1.5]], dtype=torch.float64)
    answer = torch.tensor([0])
    gap = weighted_info_nce(logits, shares, answer) - soft_info_nce(logits, weights, answer)
    assert gap.item() == pytest.approx(math.log(8 / 3))


def test_a_floor_narrows_the_gap_below_its_bound():
    """The same with a floor of 0.1, w = (0.1, 3/2, 3/2): log(8 / 3) - log(1.6 / 1.5), by hand."""
    logits = torch.tensor([[-800.0, 0.0, -math.log(2), -math.log(2)]], dtype=torch.float64)
    scores = torch.tensor([[0.0, 1e4, 0.0, 0.0]], dtype=torch.float64)
    answer = torch.tensor([0])
    shares = negative_shares(scores, temperature=1, answers=answer)
    weights = negative_weights(scores, alpha=1, beta=1, temperature=1, floor=0.1, answers=answer)
    gap = weighted_info_nce(logits, shares, answer) - soft_info_nce(logits, weights, answer)
    assert gap.item() == pytest.approx(math.log(8 / 3) - math.log(1.6 / 1.5))


def test_what_the_docstring_claims_of_the_gap_is_for_no_floor():
    said = " ".join(str(weighted_info_nce.__doc__).split())
    assert "and no floor it exceeds Soft-InfoNCE by log(4 (N - 2) / (N - 1)) or more" in said
    assert "always" not in said


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("size", SIZES)
def test_weighted_info_nce_exceeds_info_nce(size, scale):
    logits, scores, answers = rows(size, scale)
    shares = negative_shares(scores, temperature=1, answers=answers)
    gap = weighted_info_nce(logits, shares, answers) - info_nce(logits, answers)
    assert gap > 0


def uniformity(logits: Tensor, weights: Tensor) -> Tensor:
    """The part of Soft-InfoNCE that pushes negatives away: log sum_{j != i} w_ij e^z_ij."""
    return (logits[:, 1:] + weights[:, 1:].log()).logsumexp(dim=1)


def theorem_1(logits: Tensor, scores: Tensor, answers: Tensor, *, alpha: float, beta: float):
    """Split the corrected bound of Theorem 1 into its leading terms and the paper's form."""
    size = logits.shape[1]
    denominator = beta * (size - 1) - alpha
    shares = negative_shares(scores, temperature=1, answers=answers)
    log_p = logits[:, 1:].log_softmax(dim=1)
    divergence = each(kl_to_shares, logits, shares, answers)
    paper = beta * log_p.sum(dim=1) + alpha * divergence + alpha * entropy(shares)
    return math.log(size - 1) + logits[:, 1:].logsumexp(dim=1), paper / denominator


@pytest.mark.parametrize("sign", [-1, 0, 1])
@pytest.mark.parametrize("size", SIZES)
def test_theorem_1_holds_as_corrected(size, sign):
    logits, scores, answers = rows(size, 5.0, sign)
    coefficients = {"alpha": 0.7, "beta": 0.7}
    weights = negative_weights(scores, **coefficients, temperature=1, floor=0, answers=answers)
    leading, rest = theorem_1(logits, scores, answers, **coefficients)
    assert (uniformity(logits, weights) - leading - rest).min() >= -1e-9


def test_theorem_1_as_printed_fails_for_negative_logits():
    """N = 3, alpha = 0, beta = 1, negatives -10 and -20: -9.99995 is below -5.00005."""
    logits = torch.tensor([[-30.0, -10.0, -20.0]], dtype=torch.float64)
    _, printed = theorem_1(logits, logits, torch.tensor([0]), alpha=0, beta=1)
    loss = uniformity(logits, torch.ones_like(logits))
    assert loss.item() == pytest.approx(-9.99995, abs=1e-5)
    assert printed.item() == pytest.approx(-5.00005, abs=1e-5)


def theorem_2(logits: Tensor, shares: Tensor, answers: Tensor) -> Tensor:
    """Bound of the binary cross-entropy over the negatives, as corrected, times N for one row."""
    log_miss = torch.log1p(-logits[:, 1:].softmax(dim=1)).sum(dim=1)
    return -log_miss + each(kl_to_shares, logits, shares, answers) + entropy(shares)


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("size", SIZES)
def test_theorem_2_holds_as_corrected(size, scale):
    logits, scores, answers = rows(size, scale)
    shares = negative_shares(scores, temperature=1, answers=answers)
    loss = size * each(negatives_bce, logits, shares, answers)
    assert (theorem_2(logits, shares, answers) - loss).min() >= -1e-9


def test_theorem_2_has_the_worked_values():
    """N = 5 and everything uniform: 2.2493405785 lies below 2.5370226509."""
    logits, answers = torch.zeros(1, 5, dtype=torch.float64), torch.tensor([0])
    shares = negative_shares(logits, temperature=1, answers=answers)
    loss = 5 * negatives_bce(logits, shares, answers)
    assert loss.item() == pytest.approx(2.2493405785, abs=6e-11)
    assert theorem_2(logits, shares, answers).item() == pytest.approx(2.5370226509, abs=6e-11)
