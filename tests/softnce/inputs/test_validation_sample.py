"""What trials are validated on: all where that is cheap, else a fixed sample with its answers."""

import numpy as np
import pytest

from softnce.config.file import validated
from softnce.inputs.validation_sample import (
    SampleSize,
    TextLengths,
    drawn_sample,
    sample_size,
)

LENGTHS = TextLengths(pair=60.0, query=12.0, candidate=48.0)
TRANSFORMER = {"kind": "transformer", "model": "x"}


def size(train, queries, candidates, lengths=LENGTHS, **sections):
    config = validated({"data": {"path": "x"}, "encoder": TRANSFORMER, **sections})
    found = sample_size(
        config, train=train, queries=queries, candidates=candidates, lengths=lengths
    )
    return found.queries, found.candidates


def test_all_are_looked_at_where_that_is_cheap():
    assert size(18_000, 2_000, 4_000) == (2_000, 4_000)


@pytest.mark.parametrize("train", [500, 2_000, 20_000])
@pytest.mark.parametrize(("queries", "candidates"), [(14_000, 44_000), (300, 20_000)])
@pytest.mark.parametrize("length", [12, 150])
def test_validation_costs_a_fifth_of_a_trial_at_most(train, queries, candidates, length):
    lengths = TextLengths(pair=12.0 + length, query=12.0, candidate=float(length))
    asked, ranked = size(train, queries, candidates, lengths)
    tokens = 12 * asked + length * ranked
    assert tokens / (tokens + 3 * train * lengths.pair) <= 0.2
    assert ranked >= asked


def test_comparing_all_with_all_costs_a_small_encoder_much():
    static, transformer = (
        size(20_000, 14_000, 44_000, encoder=kind) for kind in ({"kind": "static"}, TRANSFORMER)
    )
    assert static < transformer
    tokens = 12 * static[0] + 48 * static[1] + 0.1 * static[0] * static[1]
    assert tokens / (tokens + 6 * 20_000 * 60) <= 0.2


def test_a_short_training_is_still_validated_on_enough():
    assert size(50, 14_000, 44_000) == (100, 200)
    assert size(50, 14_000, 44_000, encoder={"kind": "static"}) == (500, 1_000)
    assert size(20_000, 14_000, 44_000, optim={"max_steps": 1}) == (100, 200)


def test_rare_evaluations_may_be_larger():
    often = size(4_000, 14_000, 44_000)
    assert size(4_000, 14_000, 44_000, optim={"evaluate_every": 4}) > often


def test_the_users_caps_win_and_every_answer_has_its_place():
    capped = {"max_validation_queries": 100, "max_validation_candidates": 50}
    assert size(18_000, 2_000, 4_000, search=capped) == (100, 100)
    assert size(18_000, 60, 4_000, search={"max_validation_queries": 100}) == (60, 4_000)
    assert size(18_000, 60, 90, search={"max_validation_candidates": 1_000}) == (60, 90)


def test_a_sample_holds_the_answers_of_its_queries_and_is_always_the_same():
    answers = np.random.default_rng(3).integers(0, 900, 400)
    first, again = (drawn_sample(answers, 900, SampleSize(50, 200)) for _ in range(2))
    assert len(first.queries) == len(set(first.queries)) == 50
    assert len(first.candidates) == len(set(first.candidates)) == 200
    assert (first.candidates[first.answers] == answers[first.queries]).all()
    for name in ("queries", "candidates", "answers"):
        assert (getattr(first, name) == getattr(again, name)).all()


def test_the_whole_is_a_sample_in_order():
    answers = np.arange(30)[::-1] + 5
    whole = drawn_sample(answers, 40, SampleSize(30, 40))
    assert (whole.queries == np.arange(30)).all()
    assert (whole.candidates == np.arange(40)).all()
    assert (whole.answers == answers).all()
