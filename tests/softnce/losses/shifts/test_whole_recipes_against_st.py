"""ST's losses as users have them, with explicit negatives and all directions, by our functions.

Each is one call on the logits and scores of all that stands in ST's denominator.
"""

import pytest
import torch
from sentence_transformers.sentence_transformer.losses import (
    GISTEmbedLoss,
    MultipleNegativesRankingLoss,
)
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedTokenizerFast

from softnce.losses.masks import margin_info_nce
from softnce.losses.tilt import tilted_info_nce

ROWS, SCALE = 7, 20.0
ANSWERS = torch.arange(ROWS)
OFF = ~torch.eye(ROWS, dtype=torch.bool)


class Given(nn.Module):
    """An encoder of texts that are vectors already, one for the model and one for the guide."""

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"a": 0}, "a")))
    max_seq_length = 8

    def __init__(self, key):
        super().__init__()
        self.key = key

    def forward(self, features):
        return {"sentence_embedding": features[self.key]}


def drawn(negatives, seed=0):
    draw = torch.Generator().manual_seed(seed)
    sides = [torch.randn(ROWS, 5, generator=draw) for _ in range(2 + negatives)]
    return [F.normalize(side, dim=1) for side in sides]


@pytest.mark.parametrize("negatives", [1, 2])
@pytest.mark.parametrize("strength", [5.0, 9.0])
@pytest.mark.parametrize("mode", ["in_batch_negatives", "hard_negatives", "all_negatives"])
def test_each_hardness_mode_is_a_tilt_of_some_negatives(mode, strength, negatives):
    """A relevance of 0 tilts nothing."""
    queries, *documents = drawn(negatives)
    theirs = MultipleNegativesRankingLoss(
        None, scale=SCALE, hardness_mode=mode, hardness_strength=strength
    )
    wanted = theirs.compute_loss_from_embeddings([queries, *documents], None)
    own = queries @ torch.cat(documents).T
    is_hard = torch.arange(own.shape[1]) >= ROWS
    of_the_row = torch.eye(ROWS).repeat(1, 1 + negatives).bool()
    tilted = {
        "in_batch_negatives": ~of_the_row,
        "hard_negatives": of_the_row & is_hard,
        "all_negatives": ~of_the_row | is_hard,
    }[mode]
    relevance = own.where(tilted, 0.0)
    found = tilted_info_nce(own * SCALE, relevance, ANSWERS, strength=strength)
    assert found.item() == pytest.approx(wanted.item(), abs=1e-5)


@pytest.mark.parametrize("negatives", [0, 1])
@pytest.mark.parametrize(
    ("strategy", "margin"), [("absolute", 0.0), ("absolute", 0.3), ("relative", 0.2)]
)
def test_gist_as_it_comes_is_one_mask_over_all_directions(strategy, margin, negatives):
    """Guide against guide within a side, too, anchors and positives both contrasted."""
    model, guide = drawn(negatives, seed=1), drawn(negatives, seed=2)
    columns = [{"model": own, "guide": other} for own, other in zip(model, guide, strict=True)]
    theirs = GISTEmbedLoss(
        Given("model"),
        Given("guide"),
        temperature=1 / SCALE,
        margin_strategy=strategy,
        margin=margin,
    )
    wanted = theirs(columns, None)

    def whole(sides):
        query, code, *hard = sides
        within = [(side @ side.T)[OFF].view(ROWS, -1) for side in (query, code)]
        return torch.cat([query @ code.T, *within, *(query @ one.T for one in hard)], dim=1)

    ours = {"margin": margin, "relative": True} if strategy == "relative" else {"margin": -margin}
    found = margin_info_nce(whole(model) * SCALE, whole(guide), ANSWERS, **ours)
    assert found.item() == pytest.approx(wanted.item(), abs=1e-5)
