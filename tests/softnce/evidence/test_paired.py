"""The paired gain against slow sums, against simulation, and where there is too little to judge."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from softnce.errors import ConfigError, DataError
from softnce.evidence.paired import mean_squares, paired_gain

TABLE = np.array([[0.2, -0.1, 0.4, 0.3], [0.0, -0.3, 0.5, 0.1], [0.1, -0.2, 0.6, 0.5]])


def crossed(rng, seeds, queries, deviations, gain=0.0):
    """Draw differences with the stated deviations of seeds, queries and rest."""
    of_seeds, of_queries, rest = deviations
    return (
        gain
        + of_seeds * rng.standard_normal((seeds, 1))
        + of_queries * rng.standard_normal(queries)
        + rest * rng.standard_normal((seeds, queries))
    )


def test_mean_squares_are_the_sums_of_a_two_way_layout():
    s, q = TABLE.shape
    mean = sum(sum(row) for row in TABLE.tolist()) / (s * q)
    rows = [sum(TABLE[i, j] for j in range(q)) / q for i in range(s)]
    columns = [sum(TABLE[i, j] for i in range(s)) / s for j in range(q)]
    of_seeds = sum(q * (row - mean) ** 2 for row in rows) / (s - 1)
    of_queries = sum(s * (column - mean) ** 2 for column in columns) / (q - 1)
    rest = sum(
        (TABLE[i, j] - rows[i] - columns[j] + mean) ** 2 for i in range(s) for j in range(q)
    ) / ((s - 1) * (q - 1))
    assert mean_squares(TABLE) == pytest.approx((of_seeds, of_queries, rest), rel=1e-12)


def test_the_table_gives_the_numbers_worked_out_by_hand():
    """Mean 2.1 / 12; row means .2, .075, .25; column means .1, -.2, .5, .3; squares sum to 1.31.

    So MS_S = 4 (.025^2 + .1^2 + .075^2) / 2 = .0325, MS_Q = 3 (.075^2 + .375^2 + .325^2 + .125^2)
    / 3 = .2675, MS_E = (1.31 - 12 .175^2 - .065 - .8025) / 6 = .0125.
    """
    found = paired_gain(TABLE)
    of_seeds, of_queries, rest = 0.0325, 0.2675, 0.0125
    total = of_seeds + of_queries - rest
    freedom = total**2 / (of_seeds**2 / 2 + of_queries**2 / 3 + rest**2 / 6)
    error = math.sqrt(total / 12)
    assert found.mean == pytest.approx(0.175)
    assert found.standard_error == pytest.approx(error)
    assert found.degrees_of_freedom == pytest.approx(freedom)
    low, high = stats.t.interval(0.95, freedom, 0.175, error)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.p_value == pytest.approx(2 * stats.t.sf(0.175 / error, freedom))


def test_a_level_of_its_own_widens_the_interval_only():
    wide, usual = paired_gain(TABLE, level=0.99), paired_gain(TABLE)
    assert wide.low < usual.low < usual.high < wide.high
    assert wide.p_value == usual.p_value
    assert wide.smallest_shown > usual.smallest_shown


def test_without_noise_of_seeds_it_is_the_paired_t_test_over_queries():
    queries = np.random.default_rng(0).standard_normal(40)
    found = paired_gain(np.stack([queries] * 3))
    theirs = stats.ttest_1samp(queries, 0)
    assert found.p_value == pytest.approx(theirs.pvalue)
    assert found.degrees_of_freedom == pytest.approx(39)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval()))


def test_without_noise_of_queries_it_is_the_paired_t_test_over_seeds():
    seeds = np.random.default_rng(0).standard_normal(5)
    found = paired_gain(np.stack([seeds] * 300, axis=1))
    theirs = stats.ttest_1samp(seeds, 0)
    assert found.p_value == pytest.approx(theirs.pvalue)
    assert found.degrees_of_freedom == pytest.approx(4)


def test_a_negative_variance_counts_as_none_but_its_freedom_counts():
    rows = np.array([[1.0, -1.0, 1.0, -1.0], [-1.0, 1.0, -1.0, 1.0]])
    found = paired_gain(rows)
    assert mean_squares(rows)[:2] == (0.0, 0.0)
    assert found.standard_error == pytest.approx(math.sqrt(mean_squares(rows)[2] / 8))
    assert found.degrees_of_freedom == 1.0


@pytest.mark.parametrize("shape", [(1, 500), (5, 1), (1, 1)])
def test_one_seed_or_one_query_gives_no_interval_that_pretends(shape):
    found = paired_gain(np.full(shape, 0.3))
    assert found.mean == pytest.approx(0.3)
    assert (found.low, found.high, found.standard_error) == (-math.inf, math.inf, math.inf)
    assert (found.p_value, found.degrees_of_freedom) == (1.0, 0.0)
    assert found.smallest_shown == math.inf


def test_all_zeros_are_a_gain_of_zero():
    found = paired_gain(np.zeros((5, 60)))
    assert (found.mean, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert found.smallest_shown == 0.0


def test_equal_differences_are_certain():
    found = paired_gain(np.full((5, 64), 0.25))
    assert (found.low, found.high, found.p_value) == (0.25, 0.25, 0.0)


@pytest.mark.parametrize(
    ("differences", "words"),
    [
        (np.zeros((0, 5)), "0 seeds and 5 queries"),
        (np.array([[0.1, math.nan], [0.2, 0.3]]), "1 of 4 differences"),
    ],
)
def test_what_cannot_be_judged_is_refused(differences, words):
    with pytest.raises(DataError, match=words):
        paired_gain(differences)


def test_a_level_of_one_is_refused():
    with pytest.raises(ConfigError, match="level 1"):
        paired_gain(TABLE, level=1.0)


@pytest.mark.parametrize(
    "deviations",
    [(0.0, 1.0, 1.0), (0.05, 1.0, 0.3), (0.1, 1.0, 0.3), (0.2, 1.0, 0.3), (1.0, 0.1, 0.1)],
    ids=str,
)
def test_intervals_hold_the_truth_as_often_as_they_say(deviations):
    rng, repeats = np.random.default_rng(7), 800
    missed = 0
    for _ in range(repeats):
        found = paired_gain(crossed(rng, 5, 100, deviations, gain=0.1))
        missed += not found.low <= 0.1 <= found.high
    assert missed / repeats < 0.05 + 0.01 + 2 * math.sqrt(0.05 * 0.95 / repeats)


def test_the_smallest_gain_shown_is_shown_with_its_power():
    rng, repeats, deviations = np.random.default_rng(3), 600, (0.1, 1.0, 0.5)
    error = math.sqrt(0.1**2 / 8 + 1.0 / 200 + 0.25 / 1600)
    typical = np.median(
        [paired_gain(crossed(rng, 8, 200, deviations)).smallest_shown for _ in range(200)]
    )
    assert 2.6 * error < typical < 3.2 * error
    shown = sum(
        paired_gain(crossed(rng, 8, 200, deviations, gain=float(typical))).low > 0
        for _ in range(repeats)
    )
    assert shown / repeats == pytest.approx(0.8, abs=0.05)


tables = st.tuples(st.integers(2, 6), st.integers(2, 12), st.integers(0, 10**6)).map(
    lambda drawn: np.random.default_rng(drawn[2]).uniform(-1, 1, drawn[:2])
)


@given(tables, st.floats(0.1, 10))
@settings(max_examples=50, deadline=None)
def test_scale_sign_and_order_carry_over(differences, factor):
    found, scaled = paired_gain(differences), paired_gain(-factor * differences[::-1, ::-1])
    assert scaled.mean == pytest.approx(-factor * found.mean)
    assert (scaled.low, scaled.high) == pytest.approx((-factor * found.high, -factor * found.low))
    assert scaled.p_value == pytest.approx(found.p_value)


@given(tables)
@settings(max_examples=50, deadline=None)
def test_interval_and_p_value_agree_and_freedom_is_bounded(differences):
    found = paired_gain(differences)
    seeds, queries = differences.shape
    assert found.low <= found.mean <= found.high
    assert (found.p_value < 0.05) == (found.low > 0 or found.high < 0)
    assert min(seeds, queries) - 1 <= found.degrees_of_freedom <= seeds * queries - 1
    assert found.smallest_shown >= found.mean - found.low
