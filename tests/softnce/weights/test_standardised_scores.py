"""Scores on one scale, and weights whose rows are normalised again after the floor."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from softnce.weights.weighting import (
    negative_shares,
    negative_weights,
    renormalised,
    standardised,
)
from tests.softnce.weights.worked import PAPER, draw, seeds


@given(seeds, st.floats(0.01, 1e3), st.floats(-1e3, 1e3))
@settings(deadline=None, max_examples=25)
def test_standardised_scores_forget_their_scale(seed, scale, shift):
    scores = draw(seed)
    found = negative_shares(standardised(scale * scores + shift), temperature=0.5)
    expected = negative_shares(standardised(scores), temperature=0.5)
    torch.testing.assert_close(found, expected)


def test_standardised_scores_have_unit_spread_over_the_negatives():
    answers = torch.tensor([3, 0, 7, 1, 6, 2])
    scores = draw(seed=3) * 40
    scores[torch.arange(6), answers] = 1e6
    negatives = [scores[i, j] for i in range(6) for j in range(8) if j != answers[i]]
    expected = scores / torch.stack(negatives).std(correction=0)
    torch.testing.assert_close(standardised(scores, answers), expected)


def test_filled_in_scores_do_not_count_in_the_spread():
    scores = draw(seed=3) * 40
    judged = torch.tensor([True] * 6 + [False] * 2)
    filled = scores.clone()
    filled[:, 6:] = 7.0
    found = standardised(filled, judged=judged)
    torch.testing.assert_close(found[:, :6], standardised(scores[:, :6]))
    torch.testing.assert_close(found[:, 6:] / 7.0, found[:, :2] / scores[:, :2])


def test_a_lone_judged_candidate_has_no_spread():
    scores = torch.tensor([[5.0, 2.0, 2.0]])
    assert standardised(scores, judged=torch.tensor([True, False, False])).equal(scores)


@pytest.mark.parametrize("score", [0.0, 1.0, 0.1, 0.7, -7e8])
@pytest.mark.parametrize("size", [3, 5, 37])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_standardised_scores_without_spread_stay_alike(score, size, dtype):
    """The mean of equal numbers may be rounded, so their spread may be a little above 0."""
    scores = torch.full((size, size), score, dtype=dtype)
    assert standardised(scores).equal(scores)


def test_standardised_scores_get_no_gradient(scores):
    assert not standardised(scores.requires_grad_()).requires_grad


def test_renormalised_rows_sum_to_the_number_of_negatives(scores):
    weights = renormalised(negative_weights(scores, **PAPER, temperature=0.1))
    assert weights.sum(dim=1).tolist() == pytest.approx([4.0] * 4)
    assert weights.diag().tolist() == [1.0] * 4


def test_renormalised_respects_shuffled_answers():
    answers = torch.tensor([3, 0, 7, 1, 6, 2])
    weights = negative_weights(draw(5), **PAPER, temperature=0.1, answers=answers)
    found = renormalised(weights, answers)
    assert found[torch.arange(6), answers].tolist() == [1.0] * 6
    assert found.sum(dim=1).tolist() == pytest.approx([8.0] * 6)
