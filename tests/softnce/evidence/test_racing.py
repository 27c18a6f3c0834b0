"""Racing: the stages, who is dropped, and that dropping makes no false winner."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softnce.errors import ConfigError, DataError
from softnce.evidence.judgement import judge
from softnce.evidence.racing import beaten, gain_over, leaving, stages


def scores(seed, gains, seeds=8, queries=100, noise=0.1):
    """Draw reciprocal ranks of configurations that differ by the stated gains."""
    rng = np.random.default_rng(seed)
    common = rng.uniform(0.3, 0.6, queries)
    return {
        name: common + gain + rng.normal(0, noise, (seeds, queries)) for name, gain in gains.items()
    }


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [(1, (1,)), (2, (2,)), (3, (2, 3)), (4, (2, 4)), (5, (2, 4, 5)), (8, (2, 4, 8))],
)
def test_stages_double_until_all_seeds_have_run(seeds, expected):
    assert stages(seeds) == expected


def test_no_seeds_confirm_nothing():
    with pytest.raises(ConfigError, match="0 seeds"):
        stages(0)


def test_the_clearly_worse_are_dropped_and_by_whom():
    table = scores(0, {"plain": 0.0, "good": 0.1, "bad": -0.1, "lesser": 0.0})
    against = {"good": ["plain"], "bad": ["plain"], "lesser": ["plain"]}
    assert beaten(table, against) == {"bad": "plain", "lesser": "good"}


def test_dropped_candidates_neither_run_nor_beat():
    table = scores(0, {"plain": 0.0, "good": 0.1, "lesser": 0.0})
    against = {"good": ["plain"], "lesser": ["plain"]}
    assert beaten(table, against, dropped=["good"]) == {}
    assert beaten(table, against, dropped=["lesser"]) == {}


def test_one_seed_drops_nobody():
    table = scores(0, {"plain": 0.0, "bad": -0.2}, seeds=1)
    assert beaten(table, {"bad": ["plain"]}) == {}


def test_only_the_seeds_of_both_are_compared():
    table = scores(0, {"plain": 0.0, "one": 0.0})
    table["one"] = table["one"][:2]
    found = gain_over(table, "one", "plain")
    assert found.seeds == 2
    assert found.mean == pytest.approx(float((table["one"] - table["plain"][:2]).mean()))


def test_missing_scores_and_other_queries_are_refused():
    table = {"a": np.zeros((2, 5)), "b": np.zeros((2, 6))}
    with pytest.raises(DataError, match="c has no scores"):
        gain_over(table, "a", "c")
    with pytest.raises(DataError, match="5 queries and b 6"):
        gain_over(table, "a", "b")


@given(st.integers(0, 10**6), st.lists(st.floats(-0.03, 0.03), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_dropping_never_makes_anything_better(seed, gains):
    named = {f"t{row}": gain for row, gain in enumerate(gains)}
    table = scores(seed, {"plain": 0.0, **named}, queries=60)
    against = {name: ["plain"] for name in named}
    dropped: dict[str, str] = {}
    kept = dict(table)
    for count in (2, 4):
        so_far = {name: rows[:count] for name, rows in table.items()}
        for name, winner in beaten(so_far, against, dropped=dropped).items():
            dropped[name], kept[name] = winner, table[name][:count]
    raced = {one.candidate for one in judge(kept, against, dropped=dropped) if one.gain.low > 0}
    whole = {one.candidate for one in judge(table, against) if one.gain.low > 0}
    assert raced <= whole


def test_the_stronger_opponent_decides():
    table = scores(1, {"own": -0.1, "best": 0.0, "champion": 0.0})
    only = judge(table, {"champion": ["own", "best"]})[0]
    assert only.opponent == "best"
    assert not only.gain.low > 0
    assert judge(table, {"champion": ["own"]})[0].gain.low > 0


def test_nothing_is_better_that_stands_below_the_opponent_of_another():
    """Where own settings matter, InfoNCE in those of another candidate may be as good."""
    table = scores(1, {"weak": -0.1, "strong": 0.01, "one": 0.0, "other": 0.0})
    found = judge(table, {"one": ["weak"], "other": ["strong"]})
    assert [(said.candidate, said.opponent) for said in found] == [
        ("one", "strong"),
        ("other", "strong"),
    ]
    assert not any(said.gain.low > 0 for said in found)
    ahead = judge(table | {"one": table["one"] + 0.05}, {"one": ["weak"], "other": ["strong"]})
    assert (ahead[0].candidate, ahead[0].opponent, ahead[0].gain.low > 0) == ("one", "weak", True)


def test_the_last_candidate_stays_though_it_is_beaten():
    table = scores(0, {"plain": 0.0, "bad": -0.1, "worse": -0.2})
    against = {"bad": ["plain"], "worse": ["plain"]}
    assert leaving(table, against) == {"worse": "plain"}
    assert leaving(table, against, dropped=["worse"]) == {}
    assert leaving(table, against, dropped=["bad", "worse"]) == {}


def test_the_verdict_is_about_what_is_better_else_about_the_champion():
    table = scores(1, {"plain": 0.0, "champion": 0.0, "second": 0.1, "third": 0.2})
    against = {"champion": ["plain"], "second": ["plain"], "third": ["plain"]}
    assert [one.candidate for one in judge(table, against)] == ["third", "second", "champion"]
    none = {name: against[name] for name in ("champion",)}
    assert judge(table, none)[0].candidate == "champion"


def test_a_champion_beaten_on_the_way_leaves_the_verdict_to_who_ran_on():
    table = scores(1, {"plain": 0.0, "champion": -0.1, "second": 0.0})
    table["champion"] = table["champion"][:2]
    against = {"champion": ["plain"], "second": ["plain"]}
    judged = judge(table, against, dropped=["champion"])
    assert [one.candidate for one in judged] == ["second", "champion"]
    assert [one.gain.seeds for one in judged] == [8, 2]
