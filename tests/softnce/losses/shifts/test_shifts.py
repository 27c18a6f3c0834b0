"""Mask, tilt, debiasing and promotion: slow sums, the neutral setting, gradients, each alone."""

import math
from functools import partial

import pytest
import torch
from torch.autograd import gradcheck

from softnce.losses.composed.shifted import shifted_info_nce
from softnce.losses.debiased import debiased_info_nce
from softnce.losses.infonce import info_nce
from softnce.losses.masks import margin_info_nce
from softnce.losses.promotion import promoted_info_nce
from softnce.losses.tilt import tilted_info_nce
from tests.softnce.losses.shifts.drawn import GRADIENTS, INF, cosines, draw


def rows(*tensors):
    return zip(*(one.tolist() for one in tensors), strict=True)


def slow_margin(logits, relevance, answers, *, margin, relative=False):
    total = 0.0
    for z, r, own in rows(logits, relevance, answers):
        bound = r[own] - margin * abs(r[own]) if relative else r[own] + margin
        kept = [math.exp(z[j]) for j in range(len(z)) if j == own or not r[j] > bound]
        total += math.log(math.fsum(kept)) - z[own]
    return total / len(logits)


def slow_tilted(logits, relevance, answers, *, strength):
    total = 0.0
    for z, r, own in rows(logits, relevance, answers):
        terms = [math.exp(z[j] + (strength * r[j] if j != own else 0.0)) for j in range(len(z))]
        total += math.log(math.fsum(terms)) - z[own]
    return total / len(logits)


def slow_debiased(logits, answers, *, prior, temperature):
    total = 0.0
    for z, own in rows(logits, answers):
        negatives = [math.exp(z[j]) for j in range(len(z)) if j != own]
        count, hit = len(negatives), math.exp(z[own])
        mass = (math.fsum(negatives) - count * prior * hit) / (1 - prior)
        mass = max(mass, count * math.exp(-1 / temperature))
        total -= math.log(hit / (hit + mass))
    return total / len(logits)


def slow_promoted(logits, relevance, answers, *, share, temperature):
    total = 0.0
    for z, r, own in rows(logits, relevance, answers):
        others = [j for j in range(len(z)) if j != own]
        whole = math.fsum(math.exp(r[j] / temperature) for j in others)
        log_sum = math.log(math.fsum(map(math.exp, z)))
        total -= (1 - share) * (z[own] - log_sum)
        total -= math.fsum(
            share * math.exp(r[j] / temperature) / whole * (z[j] - log_sum) for j in others
        )
    return total / len(logits)


SCORED = [  # loss, its slow sum, a setting
    (margin_info_nce, slow_margin, {"margin": 0.1}),
    (margin_info_nce, slow_margin, {"margin": -0.4}),
    (margin_info_nce, slow_margin, {"margin": 0.0}),
    (margin_info_nce, slow_margin, {"margin": 0.05, "relative": True}),
    (margin_info_nce, slow_margin, {"margin": 0.0, "relative": True}),
    (tilted_info_nce, slow_tilted, {"strength": 5.0}),
    (tilted_info_nce, slow_tilted, {"strength": -7.5}),
    (promoted_info_nce, slow_promoted, {"share": 0.3, "temperature": 0.5}),
    (promoted_info_nce, slow_promoted, {"share": 0.9, "temperature": 2.0}),
]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("loss", "slow", "options"), SCORED)
def test_it_equals_the_slow_sum(loss, slow, options, seed):
    tensors = draw(seed)
    assert loss(*tensors, **options).item() == pytest.approx(slow(*tensors, **options), abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("prior", [0.02, 0.1, 0.5])
def test_debiased_equals_the_slow_sum(prior, seed):
    logits, answers = cosines(seed)
    options = {"prior": prior, "temperature": 0.2}
    found = debiased_info_nce(logits, answers, **options).item()
    assert found == pytest.approx(slow_debiased(logits, answers, **options), abs=1e-12)


def test_the_floor_of_debiasing_acts_where_the_positive_outweighs_all():
    logits = torch.full((2, 4), -5.0, dtype=torch.float64)
    logits[0, 0] = logits[1, 1] = 5.0
    options = {"prior": 0.1, "temperature": 0.2}
    answers = torch.arange(2)
    expected = math.log1p(3 * math.exp(-5) / math.exp(5))
    assert debiased_info_nce(logits, answers, **options).item() == pytest.approx(expected)
    assert slow_debiased(logits, answers, **options) == pytest.approx(expected)


NEUTRAL = [
    partial(margin_info_nce, margin=INF),
    partial(margin_info_nce, margin=None),
    partial(margin_info_nce, margin=None, relative=True),
    partial(tilted_info_nce, strength=0),
    partial(promoted_info_nce, share=0, temperature=1),
    shifted_info_nce,
]


@pytest.mark.parametrize("loss", NEUTRAL)
@pytest.mark.parametrize("seed", range(3))
def test_the_neutral_setting_is_info_nce(loss, seed):
    logits, relevance, answers = draw(seed, scale=30.0)
    wanted = info_nce(logits, answers).item()
    assert loss(logits, relevance, answers).item() == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_without_a_prior_debiasing_is_info_nce_whatever_the_floor(temperature):
    logits, _, answers = draw()
    found = debiased_info_nce(logits, answers, prior=0, temperature=temperature)
    assert found.item() == pytest.approx(info_nce(logits, answers).item(), abs=1e-12)


@pytest.mark.parametrize("loss", GRADIENTS)
def test_the_gradient_is_that_of_finite_differences(loss):
    logits, relevance, answers = draw(2, scale=1.0)
    assert gradcheck(lambda z: loss(z, relevance, answers), logits.requires_grad_())


@pytest.mark.parametrize("loss", GRADIENTS)
def test_relevance_gets_no_gradient(loss):
    logits, relevance, answers = draw(2, scale=1.0)
    relevance.requires_grad_()
    loss(logits.requires_grad_(), relevance, answers).backward()
    assert relevance.grad is None


@pytest.mark.parametrize("loss", GRADIENTS)
def test_logits_far_apart_keep_a_finite_loss_and_gradient(loss):
    logits, relevance, answers = draw(3, scale=400.0)
    leaf = logits.float().requires_grad_()
    found = loss(leaf, relevance.float(), answers)
    found.backward()
    assert found.isfinite()
    assert leaf.grad.isfinite().all()


ALONE = [
    (margin_info_nce, {"margin": 0.1}, {"margin": 0.1}),
    (margin_info_nce, {"margin": 0.1, "relative": True}, {"margin": 0.1, "relative": True}),
    (tilted_info_nce, {"strength": -4.0}, {"strength": -4.0}),
    (
        promoted_info_nce,
        {"share": 0.2, "temperature": 0.5},
        {"share": 0.2, "promotion_temperature": 0.5},
    ),
]


@pytest.mark.parametrize(("loss", "options", "of_the_whole"), ALONE)
def test_each_step_alone_is_its_own_loss(loss, options, of_the_whole):
    tensors = draw(1)
    found = shifted_info_nce(*tensors, **of_the_whole)
    assert found.item() == pytest.approx(loss(*tensors, **options).item(), abs=1e-12)


def test_debiasing_alone_is_its_own_loss():
    logits, answers = cosines()
    options = {"prior": 0.05, "temperature": 0.2}
    found = shifted_info_nce(logits, torch.zeros_like(logits), answers, **options)
    assert found.item() == pytest.approx(debiased_info_nce(logits, answers, **options).item())


def test_all_together_are_mask_then_tilt_then_debiasing():
    logits, relevance, answers = draw(4)
    margin, options = 0.3, {"prior": 0.1, "temperature": 0.5}
    total = 0.0
    for z, r, own in rows(logits, relevance, answers):
        kept = [j for j in range(len(z)) if j != own and not r[j] > r[own] + margin]
        if not kept:
            continue
        mass = math.fsum(math.exp(z[j] - 2 * r[j]) for j in kept)
        mass = (mass - len(kept) * 0.1 * math.exp(z[own])) / 0.9
        mass = max(mass, len(kept) * math.exp(-2))
        total += math.log1p(mass / math.exp(z[own]))
    found = shifted_info_nce(logits, relevance, answers, margin=margin, strength=-2.0, **options)
    assert found.item() == pytest.approx(total / 5, abs=1e-12)
