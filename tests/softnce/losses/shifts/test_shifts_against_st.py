"""Mask and tilt against sentence-transformers' own losses, on the same vectors."""

import random

import pytest
import torch
from sentence_transformers.sentence_transformer.losses import (
    GISTEmbedLoss,
    MultipleNegativesRankingLoss,
)
from torch.nn import functional as F

from softnce.losses.infonce import info_nce, similarity
from softnce.losses.masks import margin_info_nce
from softnce.losses.tilt import tilted_info_nce
from tests.conftest import made_pair

ROWS = torch.arange(9)


@pytest.fixture(scope="module")
def columns(model):
    draw = random.Random(3)
    made = [made_pair(number, draw) for number in range(9)]
    sides = [[row["query"] for row in made], [row["code"] for row in made]]
    return [model.preprocess(side) for side in sides]


def cosines(model, columns):
    with torch.no_grad():
        sides = [model(dict(column))["sentence_embedding"] for column in columns]
    return similarity(*sides, kind="cosine")


@pytest.mark.parametrize(
    ("strategy", "margin"),
    [
        *(("absolute", margin) for margin in (-0.1, 0.0, 0.05, 0.6)),
        *(("relative", margin) for margin in (0.0, 0.05, 0.6)),
    ],
)
def test_the_mask_is_gist_s_whose_absolute_margin_is_minus_ours(
    model, guide, columns, strategy, margin
):
    theirs = GISTEmbedLoss(
        model,
        guide,
        temperature=0.05,
        margin_strategy=strategy,
        margin=margin,
        contrast_anchors=False,
        contrast_positives=False,
    )
    with torch.no_grad():
        wanted = theirs([dict(one) for one in columns], None)
    logits, relevance = cosines(model, columns) / 0.05, cosines(guide, columns)
    ours = {"margin": margin, "relative": True} if strategy == "relative" else {"margin": -margin}
    found = margin_info_nce(logits, relevance, ROWS, **ours)
    assert found.item() == pytest.approx(wanted.item(), abs=1e-5)
    if margin > 0.5:  # some negatives are masked
        assert found.item() != pytest.approx(info_nce(logits, ROWS).item(), abs=1e-3)


@pytest.mark.parametrize("mode", ["in_batch_negatives", "all_negatives"])
@pytest.mark.parametrize("strength", [0.0, 5.0, 9.0])
def test_the_tilt_by_one_s_own_cosine_is_st_s_hardness(mode, strength):
    """On pairs, where all negatives are of the batch; ST has no strength below 0."""
    draw = torch.Generator().manual_seed(6)
    queries, codes = (F.normalize(torch.randn(9, 16, generator=draw), dim=1) for _ in range(2))
    theirs = MultipleNegativesRankingLoss(
        None, scale=20.0, hardness_mode=mode, hardness_strength=strength
    )
    own = queries @ codes.T
    found = tilted_info_nce(own * 20, own, ROWS, strength=strength)
    wanted = theirs.compute_loss_from_embeddings([queries, codes], None)
    assert found.item() == pytest.approx(wanted.item(), abs=1e-5)


def test_st_refuses_to_relieve():
    with pytest.raises(ValueError, match="non-negative"):
        MultipleNegativesRankingLoss(
            None, hardness_mode="in_batch_negatives", hardness_strength=-1.0
        )
