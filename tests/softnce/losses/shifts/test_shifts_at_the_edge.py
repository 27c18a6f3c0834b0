"""Mask, tilt, debiasing and promotion of pairs removed, of no numbers, of bad settings."""

import math
from functools import partial

import pytest
import torch

from softnce.errors import ConfigError
from softnce.losses.columns import constants
from softnce.losses.composed.shifted import shifted_info_nce
from softnce.losses.debiased import debiased_info_nce
from softnce.losses.infonce import info_nce
from softnce.losses.masks import margin_info_nce
from softnce.losses.promotion import duplicate_targets, promoted_info_nce, pull
from softnce.losses.tilt import tilted_info_nce
from tests.softnce.losses.shifts.drawn import GRADIENTS, INF, cosines, draw


@pytest.mark.parametrize("loss", GRADIENTS)
def test_a_pair_removed_by_minus_infinity_is_as_one_that_is_not_there(loss):
    logits, relevance, _ = draw(5, scale=1.0)
    answers = torch.tensor([0, 1, 2, 3, 4])
    removed = logits.clone()
    removed[:, 7] = -INF
    silent = relevance.clone()
    silent[:, 7] = -INF
    leaf = removed.requires_grad_()
    found = loss(leaf, silent, answers)
    found.backward()
    assert found.item() == pytest.approx(loss(logits[:, :7], relevance[:, :7], answers).item())
    assert leaf.grad.isfinite().all()


@pytest.mark.parametrize("loss", GRADIENTS[:-1])
def test_scores_that_are_no_numbers_give_no_number(loss):
    logits, relevance, answers = draw()
    relevance[0, int(answers[0]) - 1] = math.nan
    assert loss(logits, relevance, answers).isnan()


@pytest.mark.parametrize("score", [INF, -INF])
def test_a_tilt_of_nothing_is_info_nce_whatever_the_scores(score):
    """0 times infinity is no number."""
    logits, relevance, answers = draw()
    relevance[0, int(answers[0]) - 1] = score
    found = tilted_info_nce(logits, relevance, answers, strength=0.0)
    assert found.item() == info_nce(logits, answers).item()


def test_scores_of_other_pairs_are_refused():
    """A single column would be repeated in silence."""
    logits, relevance, _ = draw()
    with pytest.raises(ConfigError, match=r"relevance of shape \(5, 1\) for logits of shape"):
        constants(relevance[:, :1], logits)


def test_a_row_whose_negatives_are_all_masked_adds_nothing():
    logits, relevance, answers = draw()
    relevance.scatter_(1, answers.unsqueeze(1), -10.0)
    leaf = logits.requires_grad_()
    for loss in (
        partial(margin_info_nce, margin=0),
        partial(shifted_info_nce, margin=0, prior=0.1),
    ):
        found = loss(leaf, relevance, answers)
        assert found.item() == 0
        assert torch.autograd.grad(found, leaf)[0].abs().sum() == 0


def test_promotion_is_even_among_duplicates_and_none_where_there_are_none():
    logits, _, answers = draw()
    marked = torch.zeros(5, 8, dtype=torch.bool)
    marked[0, [1, 2]] = marked[1, 3] = True
    marked.scatter_(1, answers.unsqueeze(1), value=True)  # oneself, which is not promoted
    targets = duplicate_targets(marked, answers, logits)
    assert targets.gather(1, answers.unsqueeze(1)).abs().sum() == 0
    scores = torch.where(marked, 0.0, -INF).double()
    wanted = promoted_info_nce(logits, scores, answers, share=0.3, temperature=1)
    found = info_nce(logits, answers) + 0.3 * pull(logits, targets, answers)
    assert found.item() == pytest.approx(wanted.item(), abs=1e-12)
    alone = promoted_info_nce(
        logits, torch.full_like(logits, -INF), answers, share=0.3, temperature=1
    )
    assert alone.item() == pytest.approx(info_nce(logits, answers).item(), abs=1e-12)


FAULTS = [
    (margin_info_nce, {"margin": math.nan}, "no margin"),
    (margin_info_nce, {"margin": -0.1, "relative": True}, "no share of the own score"),
    (margin_info_nce, {"margin": INF, "relative": True}, "no share of the own score"),
    (tilted_info_nce, {"strength": 1e39}, "overflows float32"),
    (tilted_info_nce, {"strength": -1e7}, "overflows float32"),
    (tilted_info_nce, {"strength": math.nan}, "overflows float32"),
    (promoted_info_nce, {"share": 1, "temperature": 1}, "leaves nothing for the query's own"),
    (promoted_info_nce, {"share": -0.1, "temperature": 1}, "is no share"),
    (promoted_info_nce, {"share": 0.1, "temperature": 0}, "out of range"),
    (shifted_info_nce, {"share": 0.1, "margin": 0.1}, "the mask drops the negatives"),
]


@pytest.mark.parametrize(("loss", "options", "said"), FAULTS)
def test_a_bad_setting_is_refused_in_a_line(loss, options, said):
    with pytest.raises(ConfigError, match=said) as caught:
        loss(*draw(), **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"prior": 1, "temperature": 0.1}, "leaves no negatives"),
        ({"prior": 1.5, "temperature": 0.1}, "leaves no negatives"),
        ({"prior": -0.1, "temperature": 0.1}, "is no share"),
        ({"prior": math.nan, "temperature": 0.1}, "is no share"),
        ({"prior": 0.1, "temperature": 0}, "out of range"),
    ],
)
def test_a_bad_prior_is_refused_in_a_line(options, said):
    logits, answers = cosines()
    with pytest.raises(ConfigError, match=said):
        debiased_info_nce(logits, answers, **options)


@pytest.mark.parametrize(
    "loss",
    [
        lambda z, y: debiased_info_nce(z, y, prior=0.1, temperature=0.1),
        lambda z, y: promoted_info_nce(z, z, y, share=0.1, temperature=1),
        lambda z, y: shifted_info_nce(z, z, y, strength=1),
    ],
)
def test_a_batch_without_negatives_is_refused(loss):
    with pytest.raises(ConfigError, match="at least 1 negative"):
        loss(torch.zeros(1, 1), torch.tensor([0]))
