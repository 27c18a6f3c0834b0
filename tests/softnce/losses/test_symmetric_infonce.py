"""The symmetric losses, and the similarities that all losses read.

LOGITS and the printed numbers are worked examples: the paper's equations evaluated in float64 by a
separate numpy script, printed to ten digits.
"""

import pytest
import torch

from softnce.losses.infonce import (
    info_nce,
    similarity,
    symmetric_info_nce,
    symmetric_soft_info_nce,
)
from tests.softnce.losses.sums import WEIGHTS_A, draw, paper_info_nce, paper_soft_info_nce
from tests.worked import DIGITS, double


def test_symmetric_info_nce_has_the_worked_value(logits, diagonal):
    assert symmetric_info_nce(logits, diagonal).item() == pytest.approx(0.6908721597, abs=DIGITS)


def test_symmetric_soft_info_nce_with_unit_weights_is_symmetric_info_nce(logits, diagonal):
    soft = symmetric_soft_info_nce(logits, torch.ones_like(logits), diagonal)
    torch.testing.assert_close(soft, symmetric_info_nce(logits, diagonal))


def test_symmetric_soft_info_nce_is_the_mean_of_both_directions(logits, diagonal):
    weights = double(WEIGHTS_A)
    forwards = paper_soft_info_nce(logits, weights, diagonal)
    backwards = paper_soft_info_nce(logits.T, weights.T, diagonal)
    loss = symmetric_soft_info_nce(logits, weights, diagonal)
    assert loss.item() == pytest.approx((forwards + backwards) / 2)


def test_symmetric_info_nce_leaves_other_candidates_out_of_the_second_direction():
    logits, _, answers = draw(seed=1)
    backwards = paper_info_nce(logits[:, answers].T, torch.arange(5))
    expected = (paper_info_nce(logits, answers) + backwards) / 2
    assert symmetric_info_nce(logits, answers).item() == pytest.approx(expected)


def test_symmetric_losses_treat_both_directions_alike(logits, diagonal):
    mirrored = symmetric_info_nce(logits.T, diagonal)
    torch.testing.assert_close(symmetric_info_nce(logits, diagonal), mirrored)


def test_dot_similarity_is_the_product():
    queries, candidates = double([[3.0, 4.0]]), double([[1.0, 2.0], [0.0, -1.0], [3.0, 4.0]])
    assert similarity(queries, candidates, kind="dot").tolist() == [[11.0, -4.0, 25.0]]


def test_cosine_similarity_ignores_length():
    queries, candidates = double([[3.0, 4.0]]), double([[6.0, 8.0], [-4.0, 3.0], [0.0, 5.0]])
    found = similarity(queries, candidates, kind="cosine")
    torch.testing.assert_close(found, double([[1.0, 0.0, 0.8]]))


def test_cosine_of_a_zero_vector_is_zero():
    found = similarity(double([[0.0, 0.0]]), double([[1.0, 2.0]]), kind="cosine")
    assert found.tolist() == [[0.0]]


def test_similarity_stays_in_float32_under_autocast():
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(4, 64, generator=generator)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = similarity(queries, queries, kind="dot")
    assert found.tolist() == (queries @ queries.T).tolist()


@pytest.mark.parametrize(  # SimCSE's loss is InfoNCE on cosines: a worked example
    ("temperature", "expected"), [(0.07, 0.2766585633), (0.05, 0.2232941901)]
)
def test_cosine_info_nce_has_the_worked_value(temperature, expected):
    left = double([[1, 2], [0, 1], [-1, 0.5]])
    right = double([[0.9, 2.1], [0.2, 1], [-1, 0.4]])
    logits = similarity(left, right, kind="cosine") / temperature
    assert info_nce(logits, torch.arange(3)).item() == pytest.approx(expected, abs=DIGITS)
