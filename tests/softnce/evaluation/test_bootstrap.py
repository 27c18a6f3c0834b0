"""The bootstrap over queries: its spread, its pairing and its seed."""

import numpy as np
import pytest

from softnce.errors import DataError
from softnce.evaluation.bootstrap import interval, resampled_means


def test_the_interval_is_as_wide_as_the_standard_error_says():
    values = np.random.default_rng(0).normal(0.5, 0.2, size=(400, 1))
    low, high = interval(resampled_means(values)[:, 0])
    error = values.std() / 400**0.5
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.05)


def test_columns_are_drawn_together_so_that_differences_are_paired():
    values = np.random.default_rng(1).random((100, 1))
    means = resampled_means(np.hstack([values, values + 0.1]), resamples=200)
    assert means[:, 1] - means[:, 0] == pytest.approx(0.1)


def test_the_same_seed_draws_the_same_in_any_block_size(monkeypatch):
    values = np.random.default_rng(2).random((30, 2))
    whole = resampled_means(values, resamples=50, seed=4)
    monkeypatch.setattr("softnce.evaluation.bootstrap._BLOCK", 90)
    assert resampled_means(values, resamples=50, seed=4) == pytest.approx(whole)
    assert resampled_means(values, resamples=50, seed=5) != pytest.approx(whole)


def test_no_query_is_refused():
    with pytest.raises(DataError, match="no query"):
        resampled_means(np.empty((0, 1)))
