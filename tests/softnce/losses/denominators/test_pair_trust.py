"""Trusted pairs, masked and promoted duplicates, and settings that do not fit."""

import math

import pytest
import torch

from softnce.config.sections.method import WeightsSection
from softnce.errors import ConfigError
from softnce.losses.composed.trust import pair_trust, trusted_mean
from softnce.losses.infonce import info_nce
from softnce.losses.table import LOSSES
from softnce.training.gather import Workers
from softnce.training.objectives import outcome
from softnce.training.step import Batch, Objective
from tests.softnce.losses.denominators.drawn import MARKED, section


def drawn(seed=1):
    draw = torch.Generator().manual_seed(seed)
    logits = torch.randn(5, 8, generator=draw, dtype=torch.float64)
    relevance = torch.rand(5, 8, generator=draw, dtype=torch.float64)
    return logits, relevance, torch.tensor([3, 0, 4, 1, 7])


@pytest.mark.parametrize("name", [name for name, spec in LOSSES.items() if spec.has_estimator])
def test_trust_takes_the_mean_over_the_trusted_rows(name):
    """Every loss: as if the others were not in the batch's mean, though in its denominators."""
    logits, relevance, answers = drawn()
    trust = pair_trust(relevance, answers, rank=4)
    assert 0 < trust.sum() < 5
    plain = {"loss": section(name), "weights": WeightsSection()}
    rows = [
        outcome(logits[[i]], relevance[[i]], answers[[i]], **plain).loss
        for i in range(5)
        if trust[i]
    ]
    leaf = logits.clone().requires_grad_()
    found = outcome(
        leaf, relevance, answers, loss=section(name, trust_rank=4), weights=WeightsSection()
    )
    assert found.loss.item() == pytest.approx(torch.stack(rows).mean().item(), abs=1e-12)
    found.loss.backward()
    assert leaf.grad[trust == 0].abs().sum() == 0
    assert leaf.grad[trust == 1].abs().sum() > 0


def test_a_pair_is_trusted_by_rank_and_by_score():
    relevance = torch.tensor([[0.9, 0.1, 0.2], [0.8, 0.7, 0.1], [0.3, 0.2, 0.1]])
    answers = torch.arange(3)
    assert pair_trust(relevance, answers, rank=1).tolist() == [1, 0, 0]
    assert pair_trust(relevance, answers, rank=2).tolist() == [1, 1, 0]
    assert pair_trust(relevance, answers, rank=2, least=0.7).tolist() == [1, 0, 0]
    assert pair_trust(relevance, answers, rank=3).tolist() == [1, 1, 1]


@pytest.mark.parametrize("least", [None, 0.6])
@pytest.mark.parametrize("softness", [1e-9, 0.03, 0.3])
def test_soft_trust_is_the_sums_written_out(softness, least):
    _, relevance, answers = drawn()
    expected = []
    for row, own in zip(relevance.tolist(), answers.tolist(), strict=True):
        leads = ((one - row[own]) / softness for j, one in enumerate(row) if j != own)
        rank = 1 + sum(sigmoid(lead) for lead in leads)
        by_score = 1 if least is None else sigmoid((row[own] - least) / softness)
        expected.append(min(1.0, max(0.0, 5 - rank)) * by_score)
    found = pair_trust(relevance, answers, rank=4, least=least, softness=softness)
    assert found.tolist() == pytest.approx(expected, abs=1e-6)
    if softness < 1e-6:
        assert found.tolist() == pair_trust(relevance, answers, rank=4, least=least).tolist()


def sigmoid(one):
    return 1 / (1 + math.exp(-max(-700.0, one)))


def test_soft_trust_is_the_weight_of_a_row_in_the_mean():
    logits, relevance, answers = drawn()
    relevance[0, 1] = -torch.inf  # a duplicate that is left out is ahead of nobody
    trust = pair_trust(relevance, answers, rank=4, softness=0.1).double()
    assert ((trust > 0.05) & (trust < 0.95)).any()
    loss = section("tilted", trust_rank=4, trust_softness=0.1)
    relevance[0, 1] = -1e30
    found = outcome(logits, relevance, answers, loss=loss, weights=WeightsSection()).loss
    scores = logits + relevance.scatter(1, answers[:, None], 0.0)
    rows = [info_nce(scores[[i]], answers[[i]]) for i in range(5)]
    expected = sum(c * row for c, row in zip(trust, rows, strict=True)) / trust.sum()
    assert found.item() == pytest.approx(expected.item(), abs=1e-7)


@pytest.mark.parametrize("changes", [{"rank": 0}, {"softness": -0.1}, {"softness": math.nan}])
def test_trust_out_of_range_is_refused(changes):
    _, relevance, answers = drawn()
    with pytest.raises(ConfigError, match=r"loss\.trust_"):
        pair_trust(relevance, answers, **{"rank": 2, **changes})


@pytest.mark.parametrize("partition", ["joint", "per_direction"])
def test_other_directions_push_no_pair_down_in_rank(partition):
    """A code that is ahead of the own one stands in several directions, and counts once."""
    draw = torch.Generator().manual_seed(0)
    queries, codes = torch.randn(6, 4, generator=draw), torch.randn(6, 4, generator=draw)
    ranks = (queries @ codes.T > (queries * codes).sum(dim=1, keepdim=True)).sum(dim=1)
    assert (ranks == 1).any()
    trust = (ranks < 2).float()
    for loss in (
        section("tilted", trust_rank=2, directions="qc+qq+cq+cc", partition=partition),
        section("tilted", trust_rank=2),
    ):
        objective = Objective("dot", loss, WeightsSection(estimator="self"), Workers())
        batch = Batch(torch.arange(6).numpy(), None)
        leaf = queries.clone().requires_grad_()
        found = objective.taken(leaf, codes, torch.arange(6), batch)
        assert found.scored.trust.tolist() == trust.tolist()
        assert found.trusted.item() == pytest.approx(trust.mean().item())


def test_where_no_pair_is_trusted_the_loss_is_nothing():
    logits, _, answers = drawn()
    none = torch.zeros(5)
    assert trusted_mean(info_nce, [logits], answers, none) == 0


MARKED[0, [1, 3]] = MARKED[2, 6] = MARKED[1, 0] = True  # some are the own column, which stays


@pytest.mark.parametrize("name", LOSSES)
def test_masked_duplicates_have_no_part_in_any_loss(name):
    logits, relevance, answers = drawn()
    leaf = logits.clone().requires_grad_()
    options = {"loss": section(name, duplicates="mask"), "weights": WeightsSection()}
    found = outcome(leaf, relevance, answers, **options, marked=MARKED).loss
    found.backward()
    assert found.isfinite()
    assert leaf.grad.isfinite().all()
    assert leaf.grad[0, 1] == leaf.grad[2, 6] == 0
    other = logits.clone()
    other[0, 1] = other[2, 6] = 9.0
    judged = relevance.clone()
    judged[0, 1] = judged[2, 6] = 5.0
    again = outcome(other, judged, answers, **options, marked=MARKED).loss
    assert again.item() == pytest.approx(found.item(), abs=1e-12)


@pytest.mark.parametrize("name", [name for name, spec in LOSSES.items() if spec.promotes])
def test_promoted_duplicates_are_pulled_by_their_share(name):
    logits, relevance, answers = drawn()
    options = {"loss": section(name, duplicates="promote"), "weights": WeightsSection()}
    plain = outcome(logits, relevance, answers, loss=section(name), weights=WeightsSection()).loss
    lead = (logits[0, 3] - logits[0, 1] + logits[2, 4] - logits[2, 6]) / 5
    found = outcome(logits, relevance, answers, **options, marked=MARKED).loss
    assert found.item() == pytest.approx((plain + 0.3 * lead).item(), abs=1e-12)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "bce", "duplicates": "promote"}, "may leave out what is promoted"),
        ({"name": "top-k", "duplicates": "promote"}, "may leave out what is promoted"),
        ({"name": "shifted", "duplicates": "promote"}, "loss.mask to none"),
        (
            {"name": "promoted", "duplicates": "promote", "promotion": 0.8},
            "leave nothing for the query's own",
        ),
        ({"name": "margin-mask", "mask": "none"}, "nothing to do"),
        ({"name": "margin-mask", "mask": "relative", "relative_margin": -0.1}, "relative_margin"),
        ({"name": "promoted", "promotion": 1.0}, "promotion"),
        ({"name": "debiased", "prior": 1.0}, "prior"),
        ({"name": "tilted", "tilt": 1e39}, "tilt"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, said):
    from softnce.config.file import validated

    with pytest.raises(ConfigError) as caught:
        validated({"data": {"path": "pairs"}, "loss": changes})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (
            {"loss": {"name": "debiased"}, "encoder": {"similarity": "dot"}},
            "loss.prior needs cosines",
        ),
        (
            {
                "loss": {"name": "margin-mask", "mask": "relative"},
                "weights": {"bm25": {"variant": "official"}},
            },
            "a true zero",
        ),
        ({"loss": {"name": "tilted", "trust_rank": 2}}, "compares queries with queries"),
        (
            {"loss": {"name": "promoted"}, "weights": {"estimator": "duplicates"}},
            "would promote every negative of a query without duplicates",
        ),
        (
            {"loss": {"name": "shifted", "mask": "none"}, "weights": {"estimator": "duplicates"}},
            "would promote every negative of a query without duplicates",
        ),
        (
            {
                "loss": {"name": "kl-infonce", "kl_coefficients": "official"},
                "weights": {"alpha": -0.5},
            },
            "weights.alpha=-0.5 is the factor of KL",
        ),
        (
            {"loss": {"name": "infonce", "symmetric": True, "directions": "qc+cq"}},
            "loss.symmetric with loss.directions: qc+cq",
        ),
        (
            {
                "loss": {"name": "soft-infonce", "symmetric": True, "trust_rank": 2},
                "weights": {"estimator": "self"},
            },
            "loss.symmetric with loss.trust_rank=2",
        ),
    ],
)
def test_scores_that_do_not_fit_are_refused(sections, said):
    from softnce.config.file import validated

    with pytest.raises(ConfigError) as caught:
        validated({"data": {"path": "pairs"}, **sections})
    assert said in str(caught.value)
