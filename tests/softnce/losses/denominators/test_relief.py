"""Relief: one axis, on which what relieves is above 0, and what hardens below."""

import pytest
import torch

from softnce.config.sections.method import WeightsSection
from softnce.losses.composed.relief import relief
from softnce.losses.table import LOSSES
from softnce.training.objectives import outcome
from tests.softnce.losses.denominators.drawn import section

SIZE = 12


def relieved(name, weights=None, **changes):
    """Return the relief of one batch, the same for all losses."""
    draw = torch.Generator().manual_seed(8)
    logits = torch.randn(SIZE, SIZE, generator=draw).requires_grad_()
    relevance = torch.rand(SIZE, SIZE, generator=draw)
    marked = torch.rand(SIZE, SIZE, generator=draw) < 0.1
    loss = section(name, **changes)
    found = outcome(
        logits,
        relevance if LOSSES[name].has_estimator else None,
        torch.arange(SIZE),
        loss=loss,
        weights=WeightsSection(temperature=0.1, **(weights or {})),
        marked=marked if loss.duplicates != "keep" else None,
    )
    found.loss.backward()
    return found.relief().item()


SIDES = [  # of one batch: above 0 relieves, below hardens, 0 is neither
    (1, "tilted", {"tilt": -3.0}, {}),
    (-1, "tilted", {"tilt": 3.0}, {}),
    (0, "tilted", {"tilt": 0.0}, {}),
    (1, "soft-infonce", {}, {"alpha": 1.0}),
    (-1, "soft-infonce", {}, {"alpha": -1.0}),
    (-1, "soft-infonce", {}, {"alpha": -30.0}),
    (0, "soft-infonce", {}, {"alpha": 0.0}),
    (1, "margin-mask", {"margin": -0.3}, {}),
    (1, "margin-mask", {"mask": "relative", "relative_margin": 0.3}, {}),
    (0, "margin-mask", {"margin": 100.0}, {}),
    (1, "promoted", {"promotion": 0.5}, {}),
    (0, "promoted", {"promotion": 0.0}, {}),
    (1, "top-k", {}, {}),
    (1, "dynamic-threshold", {}, {}),
    (1, "weighted-infonce", {}, {}),
    (1, "kl-infonce", {}, {}),
    (0, "kl-infonce", {"kl_weight": 0.0}, {}),
    (0, "debiased", {"prior": 0.0}, {}),
    (0, "debiased", {"prior": 0.02}, {}),  # it takes from all negatives in proportion
    (1, "debiased", {"prior": 0.9}, {}),  # to where nothing is left to push
    (1, "shifted", {"tilt": -3.0}, {}),
    (-1, "shifted", {"tilt": 3.0}, {}),
    (0, "shifted", {"tilt": 0.0, "prior": 0.0, "promotion": 0.0}, {}),
    (0, "infonce", {}, {}),
    (0, "infonce", {"symmetric": True}, {}),
    (1, "infonce", {"duplicates": "mask"}, {}),
    (1, "infonce", {"duplicates": "promote"}, {}),
]


@pytest.mark.parametrize(("side", "name", "changes", "weights"), SIDES, ids=str)
def test_relief_tells_the_side_of_every_loss(side, name, changes, weights):
    found = relieved(name, weights, **changes)
    if side:
        assert found * side > 0.02
    else:
        assert found == pytest.approx(0, abs=1e-6)


def test_the_farther_a_loss_is_from_infonce_the_larger_is_its_relief():
    found = [relieved("tilted", tilt=tilt) for tilt in (9.0, 3.0, 1.0, 0.0, -1.0, -3.0, -9.0)]
    assert found == sorted(found)
    found = [relieved("soft-infonce", {"alpha": alpha}) for alpha in (-30.0, -1.0, 0.0, 1.0, 5.0)]
    assert found == sorted(found)


def test_queries_that_are_not_trusted_have_no_say():
    """They have no gradient at all, of which nothing is relieved."""
    assert relieved("tilted", tilt=0.0, trust_rank=2) == pytest.approx(0, abs=1e-6)
    assert relieved("tilted", tilt=3.0, trust_rank=2) < -0.02


def test_relief_is_the_share_of_gradient_that_is_taken():
    answers = torch.tensor([0])
    baseline = torch.tensor([[-1.0, 0.5, 0.3, 0.2]])
    gradient = torch.tensor([[-0.6, 0.1, 0.3, 0.2]])
    relevance = torch.tensor([[9.0, 0.8, 0.2, 0.1]])
    found = relief(gradient, baseline, relevance, answers)
    assert found.item() == pytest.approx(0.5 - 0.1 / 0.6)
