"""Ranks against counting by hand, a second library, and the ways exact ties go wrong."""

import math

import ir_measures
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from softnce.errors import ConfigError, DataError, RunError
from softnce.evaluation import ranking
from softnce.evaluation.ranking import mrr, ndcg_at, ranks, recall_at, retrieval_metrics

TIED = [  # worked example: gold columns 0, 2, 3
    [0.9, 0.5, 0.9, 0.1],
    [0.2, 0.3, 0.3, 0.3],
    [0.4, 0.1, 0.8, 0.7],
]
seeds = st.integers(0, 2**32 - 1)


def tied(**options) -> Tensor:
    """Rank the worked example; candidates of the identity give the scores back unchanged."""
    scores = torch.tensor(TIED, dtype=torch.float64)
    return ranks(scores, torch.eye(4, dtype=torch.float64), torch.tensor([0, 2, 3]), **options)


def draw(seed: int, queries: int = 20, candidates: int = 50):
    generator = torch.Generator().manual_seed(seed)
    left = torch.randn(queries, 8, generator=generator, dtype=torch.float64)
    right = torch.randn(candidates, 8, generator=generator, dtype=torch.float64)
    return left, right, torch.randint(candidates, (queries,), generator=generator)


def counted_ranks(queries: Tensor, candidates: Tensor, answers: Tensor) -> list[float]:
    """Count, pair by pair, the candidates ahead of the answer, and half of those level with it."""
    found = []
    for query, answer in zip(queries.tolist(), answers.tolist(), strict=True):
        scores = [math.fsum(map(float.__mul__, query, row)) for row in candidates.tolist()]
        ahead = sum(score > scores[answer] for score in scores)
        level = sum(score == scores[answer] for score in scores) - 1
        found.append(1 + ahead + level / 2)
    return found


@pytest.mark.parametrize(
    ("ties", "expected"),
    [
        ("average", [1.5, 2, 2]),
        ("optimistic", [1, 1, 2]),
        ("pessimistic", [2, 3, 2]),
    ],
)
def test_ties_are_ranked_as_requested(ties, expected):
    assert tied(ties=ties).tolist() == expected


@pytest.mark.parametrize(
    ("ties", "expected"),
    [("optimistic", 0.8333333333), ("average", 0.5555555556), ("pessimistic", 0.4444444444)],
)
def test_mrr_with_ties_has_the_worked_value(ties, expected):
    assert mrr(tied(ties=ties)) == pytest.approx(expected, abs=6e-11)


def test_ties_are_averaged_unless_requested_otherwise():
    assert tied().tolist() == tied(ties="average").tolist()


@given(seeds)
@settings(deadline=None, max_examples=10)
def test_ranks_agree_with_counting(seed):
    left, right, answers = draw(seed)
    assert ranks(left, right, answers).tolist() == counted_ranks(left, right, answers)


@pytest.mark.parametrize("block_bytes", [1, 8 * 50 * 7, 2**25])
def test_the_block_size_does_not_matter(monkeypatch, block_bytes):
    left, right, answers = draw(seed=4)
    monkeypatch.setattr(ranking, "BLOCK_BYTES", block_bytes)
    assert ranks(left, right, answers).tolist() == counted_ranks(left, right, answers)


def test_every_candidate_of_one_query_has_its_own_rank():
    left, right, _ = draw(seed=5, queries=1)
    found = ranks(left.expand(50, 8), right, torch.arange(50))
    assert sorted(found.tolist()) == list(range(1, 51))


@given(seeds)
@settings(deadline=None, max_examples=10)
def test_query_order_does_not_matter(seed):
    left, right, answers = draw(seed)
    order = torch.randperm(20)
    assert ranks(left[order], right, answers[order]).equal(ranks(left, right, answers)[order])


@pytest.mark.parametrize("candidates", [3, 17, 101, 257])
@pytest.mark.parametrize("queries", [1, 7, 65])
@pytest.mark.parametrize("dimensions", [3, 384, 768])
def test_identical_vectors_tie_exactly(queries, candidates, dimensions):
    """A matrix product may round equal columns differently, so equality cannot be left to it."""
    generator = torch.Generator().manual_seed(candidates)
    left = torch.randn(queries, dimensions, generator=generator)
    right = torch.randn(dimensions, generator=generator).repeat(candidates, 1)
    found = ranks(left, right, torch.arange(queries) % candidates)
    assert found.tolist() == [(candidates + 1) / 2] * queries


def test_copies_of_the_answer_tie_wherever_they_stand():
    left = torch.tensor([[1.0, 0.0]])
    right = torch.tensor([[0.5, 0.0], [2.0, 0.0], [0.5, 0.0], [0.1, 0.0], [0.5, 0.0]])
    assert [ranks(left, right, torch.tensor([i])).item() for i in (0, 2, 4)] == [3.0, 3.0, 3.0]


def test_ranks_ignore_autocast():
    left, right, answers = draw(seed=6, queries=50, candidates=2000)
    left, right = left.float(), right.float()
    scores = left @ right.T
    expected = 1 + (scores > scores.gather(1, answers[:, None])).sum(dim=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert ranks(left, right, answers).tolist() == expected.tolist()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_narrow_vectors_are_ranked_in_float32(dtype):
    left, right, answers = draw(seed=7, queries=50, candidates=2000)
    left, right = left.to(dtype), right.to(dtype)
    assert ranks(left, right, answers).equal(ranks(left.float(), right.float(), answers))


def test_ranks_are_float64_and_ask_for_no_gradient():
    left, right, answers = draw(seed=8)
    found = ranks(left.float().requires_grad_(), right.float(), answers)
    assert (found.dtype, found.requires_grad) == (torch.float64, False)


def test_vectors_given_are_not_changed():
    left, right, answers = draw(seed=9)
    right[3] = right[7]
    before = right.clone()
    ranks(left, right, answers)
    assert right.equal(before)


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_broken_vectors_are_refused_with_their_count(broken):
    left, right, answers = draw(seed=10)
    left[3, 2] = right[0, 0] = right[4, 7] = broken
    message = "^1 of 20 query vectors and 2 of 50 candidate vectors hold NaN or infinity"
    with pytest.raises(RunError, match=message):
        ranks(left, right, answers)


@pytest.mark.parametrize("signs", [(1.0, 1.0), (1.0, -1.0)])
def test_finite_vectors_whose_product_overflows_are_refused(signs):
    """Alone the products are infinite; with opposite signs their sum is NaN, which ranked .5."""
    long = 1e25 * torch.tensor([signs])
    candidates = torch.cat([torch.full((1, 2), 1e25), torch.ones(2, 2)])
    message = r"^1 of 3 dot products of finite vectors overflow float32, .*optim.learning_rate"
    with pytest.raises(RunError, match=message):
        ranks(long, candidates, torch.tensor([0]))


def test_long_vectors_whose_products_are_finite_are_ranked():
    long = torch.tensor([[1e25, 0.0], [0.0, 1e25]])
    candidates = torch.tensor([[1e5, 1e25], [1e6, 1.0]])
    assert ranks(long[:1], candidates, torch.tensor([0])).tolist() == [2.0]


@pytest.mark.parametrize("answer", [-1, 50])
def test_an_answer_outside_the_candidates_is_refused(answer):
    left, right, answers = draw(seed=11)
    answers[6] = answer
    with pytest.raises(DataError, match="1 of 20 answers are no row of the 50 candidates"):
        ranks(left, right, answers)


def test_too_few_answers_are_refused():
    left, right, answers = draw(seed=12)
    with pytest.raises(DataError, match="20 queries but 19 answers"):
        ranks(left, right, answers[:-1])


@pytest.mark.parametrize(("queries", "candidates"), [(0, 5), (5, 0), (0, 0)])
def test_nothing_to_rank_is_refused(queries, candidates):
    left, right = torch.ones(queries, 2), torch.ones(candidates, 2)
    with pytest.raises(DataError, match=f"{queries} queries and {candidates} candidates"):
        ranks(left, right, torch.zeros(queries, dtype=torch.long))


@pytest.mark.parametrize(
    ("measure", "ours"),
    [
        (ir_measures.RR, mrr),
        (ir_measures.RR @ 10, lambda found: mrr(found, cutoff=10)),
        (ir_measures.R @ 1, lambda found: recall_at(found, 1)),
        (ir_measures.R @ 5, lambda found: recall_at(found, 5)),
        (ir_measures.R @ 10, lambda found: recall_at(found, 10)),
        (ir_measures.nDCG @ 10, lambda found: ndcg_at(found, 10)),
    ],
    ids=["RR", "RR@10", "R@1", "R@5", "R@10", "nDCG@10"],
)
def test_metrics_agree_with_ir_measures(measure, ours):
    left, right, answers = draw(seed=13, queries=60)
    scores = left @ right.T
    run = {str(i): {str(j): s for j, s in enumerate(row)} for i, row in enumerate(scores.tolist())}
    truth = {str(i): {str(j): 1} for i, j in enumerate(answers.tolist())}
    expected = ir_measures.calc_aggregate([measure], truth, run)[measure]
    assert ours(ranks(left, right, answers)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (lambda found: mrr(found), (1 + 1 / 2 + 1 / 10 + 1 / 11) / 4),
        (lambda found: mrr(found, cutoff=10), (1 + 1 / 2 + 1 / 10) / 4),
        (lambda found: recall_at(found, 1), 0.25),
        (lambda found: recall_at(found, 2), 0.5),
        (lambda found: recall_at(found, 10), 0.75),
        (lambda found: ndcg_at(found, 2), (1 + 1 / math.log2(3)) / 4),
    ],
)
def test_metrics_of_known_ranks(metric, expected):
    found = torch.tensor([1, 2, 10, 11], dtype=torch.float64)
    assert metric(found) == pytest.approx(expected)


def test_a_rank_between_one_and_two_is_not_recalled_at_one():
    assert recall_at(torch.tensor([1.5]), 1) == 0


@given(st.lists(st.floats(1, 1e6), min_size=1))
@settings(deadline=None, max_examples=50)
def test_mrr_lies_between_zero_and_one(places):
    assert 0 < mrr(torch.tensor(places, dtype=torch.float64)) <= 1


@pytest.mark.parametrize("k", [0, -1])
def test_a_metric_at_no_results_is_refused(k):
    with pytest.raises(ConfigError, match=f"a metric at {k} results counts nothing"):
        recall_at(torch.tensor([1.0]), k)


def test_every_run_logs_the_same_metrics():
    found = retrieval_metrics(torch.tensor([1.0, 4.0, 8.0, 20.0]))
    assert found == {
        "mrr": pytest.approx((1 + 1 / 4 + 1 / 8 + 1 / 20) / 4),
        "mrr_at_10": pytest.approx((1 + 1 / 4 + 1 / 8) / 4),
        "recall_at_1": 0.25,
        "recall_at_5": 0.5,
        "recall_at_10": 0.75,
    }
