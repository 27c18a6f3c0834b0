"""What hard negatives are drawn from, and how: by slow loops, and by counting draws."""

import numpy as np
import pytest
import torch

from softnce.config.sections.data import GuideSection
from softnce.errors import DataError
from softnce.inputs.negative_pools import NegativePools, negative_pools, opened_pools, save_pools


def fixed(scores):
    return lambda rows: scores[torch.from_numpy(rows)]


def made(count=60, seed=3):
    draw = torch.Generator().manual_seed(seed)
    scores = torch.randn(count, count, generator=draw, dtype=torch.float64)
    scores.fill_diagonal_(1.0)
    numbers = np.random.default_rng(seed)
    groups = (numbers.integers(0, 40, count), numbers.integers(0, 50, count))
    return scores, groups


@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_pools_are_those_of_the_slow_loop(margin):
    scores, groups = made()
    found = negative_pools(groups, fixed(scores), size=9, margin=margin, least=2)
    suspected = duplicates = 0
    for i in range(60):
        others = [j for j in range(60) if j != i]
        same = {j for j in others if any(one[i] == one[j] for one in groups)}
        bound = float(scores[i, i]) - margin * abs(float(scores[i, i]))
        false = {j for j in others if float(scores[i, j]) > bound} - same
        near = sorted(others, key=lambda j: -float(scores[i, j]))[:9]
        suspected += len(false & set(near))
        duplicates += len(same & set(near))
        left = sorted(set(others) - same - false, key=lambda j: -float(scores[i, j]))[:9]
        assert found.rows[i].tolist() == left + [-1] * (9 - len(left))
        wanted = scores[i, left] / scores[i].std(correction=0)
        assert found.scores[i][: len(left)].tolist() == pytest.approx(wanted.tolist(), rel=1e-5)
    assert found.suspected == pytest.approx(suspected / (60 * 9))
    assert found.duplicates == pytest.approx(duplicates / (60 * 9))
    assert found.lacking == 0
    assert "; none of them is taken" in found.told()


def test_a_query_that_the_guide_finds_nothing_behind_gets_the_farthest():
    """As BM25 where query and function share no word: every other one that shares some is ahead."""
    scores, groups = made()
    scores[4] = scores[4].abs() + 2
    scores[4, 4] = 0.0
    found = negative_pools(groups, fixed(scores), size=9, margin=0.05, least=3)
    known = torch.from_numpy((groups[0] == groups[0][4]) | (groups[1] == groups[1][4]))
    farthest = scores[4].masked_fill(known, torch.inf).argsort()[:3].tolist()
    assert found.rows[4].tolist() == farthest + [-1] * 6
    assert found.lacking == 1
    assert "1 queries with too few others get the farthest ones" in found.told()


def test_too_few_that_are_no_duplicates_are_refused_by_their_pair():
    scores, _ = made(5)
    groups = (np.array([0, 0, 0, 0, 1]), np.arange(5))
    with pytest.raises(DataError, match="training pair 1: 1 functions are no duplicates of it"):
        negative_pools(groups, fixed(scores), size=4, margin=0.0, least=2)


def test_draws_are_in_proportion_to_the_exponential_of_the_score():
    scores = np.array([[2.0, 1.0, 0.0, -1.0]], dtype=np.float32)
    pools = NegativePools(np.array([[5, 6, 7, 8]], dtype=np.int32), scores, 0.0, 0.0, 0)
    draw, times = np.random.default_rng(0), 20_000
    for temperature in (0.5, 2.0):
        often = np.zeros(times, dtype=np.int64)
        rows = pools.drawn(often, 1, temperature=temperature, draw=draw)
        shares = np.bincount(rows, minlength=9)[5:] / times
        wanted = np.exp(scores[0] / temperature)
        assert shares == pytest.approx(wanted / wanted.sum(), abs=0.015)
    pairs = [pools.drawn(np.array([0]), 2, temperature=1.0, draw=draw) for _ in range(200)]
    assert all(len(set(one.tolist())) == 2 for one in pairs)


def test_a_function_of_the_batch_is_no_hard_negative_in_it():
    rows = np.array([[1, 2, 3], [0, 2, 3], [3, 0, 1]], dtype=np.int32)
    pools = NegativePools(rows, np.zeros((3, 3), dtype=np.float32), 0.0, 0.0, 0)
    draw = np.random.default_rng(0)
    for _ in range(20):
        found = pools.drawn(np.array([0, 2]), 1, temperature=1.0, draw=draw)
        assert found[0] in (1, 3)
        assert found[1] in (3, 1)
    short = NegativePools(
        np.array([[1, -1]], dtype=np.int32), np.zeros((1, 2), np.float32), 0.0, 0.0, 0
    )
    assert short.drawn(np.array([0]), 1, temperature=1.0, draw=draw).tolist() == [1]


def test_pools_are_kept_as_they_are(tmp_path):
    scores, groups = made()
    found = negative_pools(groups, fixed(scores), size=5, margin=0.1, least=1)
    save_pools(tmp_path / "pools", found)
    again = opened_pools(tmp_path / "pools")
    assert (again.rows == found.rows).all()
    assert (again.scores == found.scores).all()
    assert again.told() == found.told()


def test_the_temperature_cools_down_over_the_epochs():
    guide = GuideSection(hottest=2.0, coldest=0.5)
    assert [guide.temperature(epoch, 3) for epoch in (1, 2, 3)] == pytest.approx([2.0, 1.0, 0.5])
    assert guide.temperature(1, 1) == 2.0
