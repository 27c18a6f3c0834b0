"""Where Eq. 4 is defined: batches, coefficients and scores that are refused with a way out."""

import math

import pytest
import torch
from torch import Tensor

from softnce.errors import ConfigError, RunError
from softnce.weights.weighting import (
    Estimator,
    negative_shares,
    negative_weights,
    require_finite,
)
from tests.softnce.weights.worked import PAPER, PAPER_BM25


def scores_with_shares(*shares: float) -> Tensor:
    """Make a square batch whose first row has these shares at temperature 1."""
    size = len(shares) + 1
    scores = torch.zeros(size, size, dtype=torch.float64)
    scores[0, 1:] = torch.tensor(shares, dtype=torch.float64).log()
    return scores


@pytest.mark.parametrize(
    ("alpha", "beta", "size", "needed"), [(1.3, 0.7, 2, "1.86"), (1.5, 0.5, 4, "3")]
)
def test_a_small_batch_is_refused_with_a_way_out(alpha, beta, size, needed):
    with pytest.raises(ConfigError) as caught:
        negative_weights(torch.eye(size), alpha=alpha, beta=beta, temperature=1)
    assert str(caught.value) == (
        f"alpha={alpha} and beta={beta} need more than {needed} negatives per query, the batch has "
        f"{size - 1}; raise batch_size, or lower weights.alpha"
    )


def test_a_batch_where_weights_would_turn_round_is_refused():
    """With 2 negatives, 1.5 and 0.5 would weigh shares of 0.7 and 0.3 as 2.2 and 0.1."""
    with pytest.raises(ConfigError, match="more than 3 negatives"):
        negative_weights(scores_with_shares(0.7, 0.3), **PAPER_BM25, temperature=1)


def test_the_smallest_allowed_batch_keeps_the_order():
    """(0.7 - 1.3 s) / 0.05 for s = 0.7 and 0.3, by hand; the first meets the floor."""
    weights = negative_weights(scores_with_shares(0.7, 0.3), **PAPER, temperature=1)
    assert weights[0].tolist() == pytest.approx([1, 0.1, 6.2])


def test_two_candidates_always_weigh_one():
    weights = negative_weights(torch.randn(2, 2), alpha=1, beta=1.5, temperature=1)
    assert weights.tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("size", [2, 3, 33])
@pytest.mark.parametrize("alpha", [-1e6, -100.0, -1e-9, -0.0])
def test_every_batch_is_within_the_domain_of_an_alpha_below_zero(alpha, size):
    """The most relevant negative weighs most, and without a floor a row keeps its mass."""
    scores = torch.randn(
        size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    weights = negative_weights(scores, alpha=alpha, beta=0.01, temperature=0.5, floor=None)
    off = ~torch.eye(size, dtype=torch.bool)
    assert (weights[off] >= 0).all()
    assert weights.sum(dim=1).tolist() == pytest.approx([float(size)] * size)
    by_score = scores.where(off, -math.inf).argmax(dim=1)
    if alpha < 0 and size > 2:
        assert torch.equal(weights.where(off, -math.inf).argmax(dim=1), by_score)


def test_an_alpha_at_the_edge_is_refused_on_one_side_only():
    scores = torch.randn(5, 5, generator=torch.Generator().manual_seed(1))
    with pytest.raises(ConfigError, match="more than 4 negatives"):
        negative_weights(scores, alpha=4.0, beta=1.0, temperature=1.0)
    assert negative_weights(scores, alpha=-4.0, beta=1.0, temperature=1.0).isfinite().all()
    assert negative_weights(scores, alpha=3.999, beta=1.0, temperature=1.0).isfinite().all()
    with pytest.raises(ConfigError, match=r"weights\.alpha=-1000001\.0 is out of range"):
        negative_weights(scores, alpha=-1e6 - 1, beta=1.0, temperature=1.0)


def test_a_lone_pair_is_refused():
    with pytest.raises(ConfigError, match="at least 1 negative, the batch has 0"):
        negative_weights(torch.ones(1, 1), alpha=0, beta=1, temperature=1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("alpha", -math.inf),
        ("alpha", math.nan),
        ("alpha", math.inf),
        ("beta", 0.0),
        ("beta", -1.0),
        ("beta", math.inf),
        ("temperature", 0.0),
        ("temperature", -1.0),
        ("temperature", math.nan),
        ("floor", -0.1),
        ("floor", 1.5),
        ("floor", math.nan),
    ],
)
def test_a_value_out_of_range_is_refused_by_its_key(scores, key, value):
    settings_ = PAPER | {"temperature": 1.0, "floor": 0.1} | {key: value}
    with pytest.raises(ConfigError, match=rf"^weights\.{key}={value} is out of range"):
        negative_weights(scores, **settings_)


def test_finite_scores_pass():
    require_finite(torch.ones(3, 3), source="bm25")


def test_scores_that_are_no_numbers_are_refused_with_their_count():
    scores = torch.tensor([[1.0, math.nan], [math.inf, 1.0]])
    with pytest.raises(RunError, match=r"^teacher: 2 of 4 scores are NaN or infinite"):
        require_finite(scores, source="teacher")


def test_an_estimator_without_relevance_cannot_be_made():
    with pytest.raises(TypeError, match="relevance"):
        Estimator()  # type: ignore[abstract]


@pytest.mark.parametrize(("alpha", "beta", "size"), [(0.6, 0.2, 4), (0.3, 0.1, 4), (1.2, 0.4, 4)])
def test_a_domain_that_only_rounding_opens_is_refused(alpha, beta, size):
    """In binary 0.2 x 3 exceeds 0.6, and the weights would be 1e15."""
    scores = torch.randn(size, size, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ConfigError, match="negatives per query"):
        negative_weights(scores, alpha=alpha, beta=beta, temperature=1.0)


@pytest.mark.parametrize("temperature", [1e-3, 1e-30, 1e-45, 5e-324])
def test_a_tiny_temperature_blames_the_most_relevant_negative_alone(temperature):
    shares = negative_shares(
        torch.tensor([[0.0, 3.0, 2.0], [-7.0, 0.0, -9.0]]), temperature=temperature
    )
    assert shares.tolist() == [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
