"""Relief: the share of the gradient that the estimator takes off."""

import pytest
import torch

from softnce.config.sections.method import WeightsSection
from softnce.losses.composed.relief import relief
from softnce.training.objectives import outcome
from tests.softnce.losses.denominators.drawn import section

# --- relief


def relieved(name, relevance, logits, marked=None, **changes):
    leaf = logits.clone().requires_grad_()
    found = outcome(
        leaf,
        relevance,
        torch.arange(len(logits)),
        loss=section(name, **changes),
        weights=WeightsSection(temperature=0.1, **({"alpha": -3.0} if name == "hard" else {})),
        marked=marked,
    )
    found.loss.backward()
    return found.relief().item()


def test_relief_tells_the_sign_of_every_loss():
    draw = torch.Generator().manual_seed(8)
    logits = torch.randn(12, 12, generator=draw)
    relevance = torch.rand(12, 12, generator=draw)
    assert relieved("tilted", relevance, logits, tilt=-3.0) > 0.02
    assert relieved("tilted", relevance, logits, tilt=3.0) < -0.02
    assert relieved("tilted", relevance, logits, tilt=0.0) == pytest.approx(0, abs=1e-6)
    assert relieved("soft-infonce", relevance, logits) > 0.02
    assert relieved("margin-mask", relevance, logits, margin=-0.3) > 0.02
    assert relieved("promoted", relevance, logits, promotion=0.5) > 0.02
    assert relieved("top-k", relevance, logits) > 0.02
    assert relieved("debiased", None, logits) == pytest.approx(0, abs=1e-6)
    assert relieved("infonce", None, logits, symmetric=True) == pytest.approx(0, abs=1e-6)
    marked = torch.rand(12, 12, generator=draw) < 0.1
    assert relieved("infonce", None, logits, marked, duplicates="mask") > 0.02
    assert relieved("infonce", None, logits, marked, duplicates="promote") > 0.02


def test_relief_is_the_share_of_gradient_that_is_taken():
    answers = torch.tensor([0])
    baseline = torch.tensor([[-1.0, 0.5, 0.3, 0.2]])
    gradient = torch.tensor([[-0.6, 0.1, 0.3, 0.2]])
    relevance = torch.tensor([[9.0, 0.8, 0.2, 0.1]])
    found = relief(gradient, baseline, relevance, answers)
    assert found.item() == pytest.approx(0.5 - 0.1 / 0.6)
