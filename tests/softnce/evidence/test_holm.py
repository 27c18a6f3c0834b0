"""Holm over candidates: decisions by hand, intervals that agree, error rates by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from softnce.errors import ConfigError
from softnce.evidence.holm import KEPT, chance_of_none, holm, lower_limit, upper_limit
from softnce.evidence.paired import PairedGain, paired_gain


def gain(mean, error=1.0, freedom=1e6):
    """Stand for an estimated gain, nearly normal."""
    return PairedGain(mean, math.nan, math.nan, error, freedom, math.nan, 5, 100, math.nan)


def unknown():
    return paired_gain(np.full((1, 100), 0.5))


def test_one_candidate_keeps_its_interval():
    alone = paired_gain(np.random.default_rng(0).normal(0.1, 1, (5, 80)))
    found = holm({"a": alone})["a"]
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high))
    assert found.p_value == pytest.approx(alone.p_value)
    assert found.smallest_shown == pytest.approx(alone.smallest_shown)


def test_limits_are_those_of_a_one_sided_t():
    one = gain(0.3, 0.1, 4.0)
    assert lower_limit(one, 0.01) == pytest.approx(0.3 - 0.1 * stats.t.isf(0.01, 4))
    assert upper_limit(one, 0.01) == pytest.approx(0.3 + 0.1 * stats.t.isf(0.01, 4))
    assert chance_of_none(one) == pytest.approx(stats.t.sf(3, 4))
    assert (lower_limit(unknown(), 0.01), upper_limit(unknown(), 0.01)) == (-math.inf, math.inf)


def test_the_first_step_is_bonferroni_and_the_next_is_wider():
    """Of three, one-sided errors .0083 / 1, then (.8 / 2 + .2 / 3) * .025 = .01167."""
    z = stats.norm.isf
    shown = holm({"a": gain(z(0.0083)), "b": gain(z(0.0116)), "c": gain(0.0)})
    assert [one.low > 0 for one in shown.values()] == [True, True, False]
    less = holm({"a": gain(z(0.0084)), "b": gain(z(0.0116)), "c": gain(0.0)})
    assert not any(one.low > 0 for one in less.values())
    stopped = holm({"a": gain(z(0.0083)), "b": gain(z(0.0118)), "c": gain(0.0)})
    assert [one.low > 0 for one in stopped.values()] == [True, False, False]


def test_where_all_are_better_lower_limits_are_bonferronis():
    found = holm({"a": gain(5.0), "b": gain(4.0)})
    assert found["b"].low == pytest.approx(4.0 - stats.norm.isf(0.0125), abs=1e-4)


def test_beside_a_candidate_not_shown_lower_limits_spend_what_was_kept():
    found = holm({"a": gain(5.0), "b": gain(0.0)})
    assert found["a"].low == pytest.approx(5.0 - stats.norm.isf(0.0125 * KEPT), abs=1e-4)


def test_dropped_candidates_count_but_are_never_better():
    gains = {"a": gain(2.1), "b": gain(9.0)}
    found = holm(gains, dropped=["b"])
    assert found["b"].low <= 0
    assert found["a"].low <= 0 < holm({"a": gains["a"]})["a"].low


def test_a_candidate_with_one_seed_is_never_better():
    found = holm({"a": unknown(), "b": gain(9.0)})
    assert (found["a"].low, found["a"].high, found["a"].p_value) == (-math.inf, math.inf, 1.0)
    assert found["b"].low > 0


def test_a_level_of_zero_is_refused():
    with pytest.raises(ConfigError, match="level 0"):
        holm({"a": gain(1.0)}, level=0.0)


families = st.lists(st.floats(-6, 6), min_size=1, max_size=6).map(
    lambda means: {f"t{row}": gain(mean, 1.0, 7.0) for row, mean in enumerate(means)}
)


@given(families)
@settings(max_examples=60, deadline=None)
def test_decision_interval_and_p_value_agree(gains):
    for name, one in holm(gains).items():
        assert one.low <= one.mean + 1e-9
        assert one.mean <= one.high
        assert (one.low > 0) == (one.p_value <= 0.05 and one.mean > 0)
        assert (one.high < 0) == (one.p_value < 0.05 and one.mean < 0)
        assert one.smallest_shown >= holm({name: gains[name]})[name].smallest_shown


@given(families)
@settings(max_examples=60, deadline=None)
def test_decisions_lie_between_bonferroni_and_holm(gains):
    chances = {name: chance_of_none(one) for name, one in gains.items()}
    ordered = sorted(chances.values())
    passed = 0
    while passed < len(ordered) and ordered[passed] <= 0.025 / (len(ordered) - passed):
        passed += 1
    better = {name for name, one in holm(gains).items() if one.low > 0}
    assert {name for name, chance in chances.items() if chance < 0.025 / len(ordered)} <= better
    assert len(better) <= passed


@pytest.mark.parametrize("truth", [(0, 0, 0), (9, 0, 0), (9, 9, 0), (9, -0.01, 3), (2, 2, 2)])
def test_all_intervals_hold_together(truth):
    rng, repeats = np.random.default_rng(5), 2000
    missed = wrong = 0
    for draws in rng.standard_normal((repeats, 3)) + truth:
        found = holm({str(row): gain(float(mean)) for row, mean in enumerate(draws)}).values()
        missed += any(
            not one.low <= true <= one.high for one, true in zip(found, truth, strict=True)
        )
        wrong += any(one.low > 0 >= true for one, true in zip(found, truth, strict=True))
    slack = 2 * math.sqrt(0.05 * 0.95 / repeats)
    assert missed / repeats < 0.05 + slack
    assert wrong / repeats < 0.025 + slack


def test_a_choice_among_opponents_is_paid_by_upper_limits_only():
    gains = {"a": gain(-2.1)}
    one, two = holm(gains)["a"], holm(gains, opponents=2)["a"]
    assert one.high < 0 < two.high
    assert one.low == two.low
    assert one.p_value < 0.05 < two.p_value
