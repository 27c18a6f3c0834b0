"""Logits and relevance drawn at random, and what reads them."""

import math
from functools import partial

import torch

from softnce.losses.composed.shifted import shifted_info_nce
from softnce.losses.debiased import debiased_info_nce
from softnce.losses.masks import margin_info_nce
from softnce.losses.promotion import promoted_info_nce
from softnce.losses.tilt import tilted_info_nce

INF = math.inf


def draw(seed=0, scale=3.0):
    """Draw logits, relevance of either sign, and shuffled answers; hard negatives included."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(5, 8, generator=generator, dtype=torch.float64) * scale
    relevance = torch.randn(5, 8, generator=generator, dtype=torch.float64)
    return logits, relevance, torch.randperm(8, generator=generator)[:5]


def cosines(seed=0, temperature=0.2):
    generator = torch.Generator().manual_seed(seed)
    logits = (2 * torch.rand(5, 8, generator=generator, dtype=torch.float64) - 1) / temperature
    return logits, torch.randperm(8, generator=generator)[:5]


COMPOSED = {"strength": -2.0, "prior": 0.05, "temperature": 0.5}


GRADIENTS = [
    partial(margin_info_nce, margin=0.1),
    partial(margin_info_nce, margin=0.05, relative=True),
    partial(tilted_info_nce, strength=-3.0),
    partial(tilted_info_nce, strength=8.0),
    partial(promoted_info_nce, share=0.4, temperature=0.5),
    partial(shifted_info_nce, margin=0.2, **COMPOSED),
    partial(shifted_info_nce, share=0.3, promotion_temperature=0.5, **COMPOSED),
    lambda logits, _, answers: debiased_info_nce(logits, answers, prior=0.1, temperature=0.5),
]
