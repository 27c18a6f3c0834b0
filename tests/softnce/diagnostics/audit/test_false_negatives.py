"""Expected false negatives of a batch: the formula against draws, and what they cost."""

import numpy as np
import pytest
import torch

from softnce.data.batching import epoch_batches
from softnce.diagnostics.audit.false_negatives import (
    duplicates_of_each,
    expectation,
    expectations,
)
from softnce.diagnostics.audit.gain import ceiling, largest_gain
from softnce.diagnostics.audit.precision import precision_at_most_blamed
from softnce.evaluation.ranking import mrr, ranks


def made_groups(pairs=600, seed=3):
    draw = np.random.default_rng(seed)
    return draw.integers(0, 350, pairs), draw.integers(0, 500, pairs)


@pytest.mark.parametrize("batch_size", [8, 24, 200])
def test_the_formula_agrees_with_batches_that_are_drawn(batch_size):
    queries, codes = made_groups()
    each = duplicates_of_each(queries.tolist(), codes.tolist())
    expected = expectation(each, batch_size)
    met = []
    for epoch in range(1, 101):
        rows = epoch_batches(600, batch_size=batch_size, seed=1, epoch=epoch)
        same = queries[rows][:, :, None] == queries[rows][:, None, :]
        same |= codes[rows][:, :, None] == codes[rows][:, None, :]
        met.append((same.sum(axis=2) - 1).ravel())
    met = np.concatenate(met)
    assert len(met) == 60_000
    assert expected.per_query == pytest.approx(met.mean(), rel=0.05)
    assert expected.queries == pytest.approx((met > 0).mean(), rel=0.05)
    assert expected.lost == pytest.approx((met / (met + 1)).mean(), rel=0.05)


def test_the_whole_set_as_one_batch_holds_all_duplicates():
    each = duplicates_of_each([0, 0, 0, 3], [0, 1, 2, 2])
    assert each.tolist() == [2, 2, 3, 1]
    found = expectation(each, 4)
    assert (found.per_query, found.queries) == (pytest.approx(2.0), pytest.approx(1.0))


def test_batches_that_the_pairs_cannot_fill_are_left_out():
    assert [one.batch_size for one in expectations(np.zeros(200, int))] == [32, 64, 128]


def test_copies_take_at_most_their_share_of_a_gradient():
    logits = torch.tensor([[2.0, 2.0, 2.0, 0.5, 0.1]], requires_grad=True)
    plain = torch.nn.functional.cross_entropy(logits, torch.tensor([0]))
    (held,) = torch.autograd.grad(plain, logits)
    masked = torch.nn.functional.cross_entropy(logits[:, [0, 3, 4]], torch.tensor([0]))
    (whole,) = torch.autograd.grad(masked, logits)
    chance = logits.detach().softmax(dim=1)[0, 0]
    own = held[0, :3].sum()  # the vector that the answer and its two copies share
    assert own / whole[0, :3].sum() == pytest.approx(1 - 2 * chance)
    assert 2 * chance < 2 / 3


def test_no_model_beats_the_ceiling_and_one_reaches_it():
    candidates = ["a", "b", "a", "c", "a"]
    found = ceiling("test", ["x", "y", "y", "z"], [0, 1, 3, 2], candidates)
    assert found.mrr == pytest.approx((1 / 2 + 1 + 1 / 2 + 1 / 2) / 4)
    assert found.mrr_with_copies == pytest.approx((1 + 1 + 1 / 2 + 1) / 4)
    assert found.tied == 4
    vectors = {"a": [1.0, 0, 0], "b": [0, 1.0, 0], "c": [0, 0.5, 0]}
    asked = torch.tensor([[1.0, 0, 0], [0, 1.0, 0], [0, 1.0, 0], [1.0, 0, 0]])
    searched = torch.tensor([vectors[code] for code in candidates])
    reached = mrr(ranks(asked, searched, torch.tensor([0, 1, 3, 2])))
    assert reached == pytest.approx(found.mrr)


@pytest.mark.parametrize(
    ("lost", "word"), [(0.0, "Don't bother"), (0.02, "Don't expect"), (0.3, "Worth a search")]
)
def test_the_verdict_follows_the_gain(lost, word):
    found = largest_gain(batch_size=128, lost=lost, pairs=16_000, best=0.99, smallest_gain=0.005)
    assert found.verdict.startswith(word)
    assert found.likely <= found.at_most == pytest.approx(lost * 0.99)


def test_precision_counts_ties_as_drawn_at_random():
    blame = np.array([1.0, 1.0, 1.0, 0.0])
    assert precision_at_most_blamed(blame, np.array([True, False, False, False])) == pytest.approx(
        1 / 3
    )
    assert precision_at_most_blamed(blame, np.zeros(4, bool)) is None
