"""Reciprocal rank fusion, against its definition computed one candidate at a time."""

import pytest
import torch
from scipy.stats import rankdata

from softnce.evaluation.fusion import reciprocal_rank_fusion


def test_fusion_adds_the_reciprocals_of_averaged_ranks():
    draw = torch.Generator().manual_seed(1)
    dense, sparse = (torch.randint(0, 6, (7, 40), generator=draw).double() for _ in range(2))
    found = reciprocal_rank_fusion(dense, sparse)
    wanted = 1 / (60 + rankdata(-dense, axis=1)) + 1 / (60 + rankdata(-sparse, axis=1))
    assert found.numpy() == pytest.approx(wanted)


def test_the_scale_of_a_ranking_does_not_count():
    draw = torch.Generator().manual_seed(2)
    dense, sparse = (torch.randn(3, 20, generator=draw) for _ in range(2))
    assert torch.equal(
        reciprocal_rank_fusion(dense, sparse), reciprocal_rank_fusion(100 * dense + 3, sparse)
    )
