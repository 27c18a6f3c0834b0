"""Several right answers and graded relevance, against an oracle that sorts and draws ties."""

import itertools
import math

import ir_measures
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import RR, R, nDCG

from softnce.errors import DataError
from softnce.evaluation.graded import Answers, expected_places, metrics_per_query
from softnce.evaluation.metric_names import EVALUATION_METRICS
from softnce.evaluation.ranking import ndcg_at, ranks, retrieval_metrics

GRADED = [{0: 3.0, 4: 1.0}, {2: 1.0}, {1: 2.0, 3: 2.0, 5: 1.0}]


def measured(scores, graded):
    answers = Answers.of(graded)
    return metrics_per_query(expected_places(scores, answers), answers)


def test_one_right_answer_gives_the_numbers_of_exact_ranking():
    draw = torch.Generator().manual_seed(3)
    queries, candidates = (torch.randn(size, 4, generator=draw).round() for size in (50, 40))
    answers = torch.randint(40, (50,), generator=draw)
    found = measured(queries @ candidates.T, [{int(one): 1.0} for one in answers])
    exact = ranks(queries, candidates, answers)
    wanted = retrieval_metrics(exact) | {EVALUATION_METRICS[-1]: ndcg_at(exact, 10)}
    assert {name: values.mean() for name, values in found.items()} == pytest.approx(wanted)


def test_several_graded_answers_agree_with_ir_measures():
    draw = np.random.default_rng(5)
    scores = draw.permuted(np.arange(3 * 30.0).reshape(3, 30), axis=1)  # no two alike
    found = measured(torch.from_numpy(scores), GRADED)
    # ir_measures takes a gain as it is given: the grade's own, 2^grade - 1
    judged = {
        f"q{q}": {f"d{d}": int(2**g - 1) for d, g in one.items()} for q, one in enumerate(GRADED)
    }
    run = {f"q{q}": {f"d{d}": float(s) for d, s in enumerate(row)} for q, row in enumerate(scores)}
    measures = [RR, R @ 5, R @ 10, nDCG @ 10]
    wanted = ir_measures.calc_aggregate(measures, judged, run)
    names = ("mrr", "recall_at_5", "recall_at_10", "ndcg_at_10")
    for name, measure in zip(names, measures, strict=True):
        assert found[name].mean() == pytest.approx(wanted[measure], abs=1e-9), name


def test_codes_that_are_all_right_do_not_hold_each_other_back():
    found = measured(torch.tensor([[1.0, 1.0, 0.5]]), [{0: 1.0, 1: 1.0}])
    assert found["mrr"][0] == 1
    assert found["ndcg_at_10"][0] == pytest.approx(1)


@given(st.lists(st.integers(0, 2), min_size=5, max_size=5), st.sets(st.integers(0, 4), min_size=1))
def test_the_first_place_in_a_tie_is_the_mean_over_all_orders(values, right):
    scores = torch.tensor([values], dtype=torch.float64)
    answers = Answers.of([dict.fromkeys(sorted(right), 1.0)])
    first = expected_places(scores, answers).values.min()
    orders = [
        order
        for order in itertools.permutations(range(5))
        if all(values[a] >= values[b] for a, b in itertools.pairwise(order))
    ]
    places = [1 + min(order.index(one) for one in right) for order in orders]
    assert first == pytest.approx(math.fsum(places) / len(places))


def test_a_query_without_a_right_answer_is_refused():
    with pytest.raises(DataError, match="1 of 2 queries have no right answer"):
        Answers.of([{0: 1.0}, {1: 0.0}])
