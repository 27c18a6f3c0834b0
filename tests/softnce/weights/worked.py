"""Worked coefficients of Eq. 4, and scores drawn at random."""

import torch
from hypothesis import strategies as st
from torch import Tensor

PAPER = {"alpha": 1.3, "beta": 0.7}  # Table 7, SimCSE and the trained model


PAPER_BM25 = {"alpha": 1.5, "beta": 0.5}  # Table 7, BM25


seeds = st.integers(0, 2**32 - 1)


def draw(seed: int, queries: int = 6, extra: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(queries, queries + extra, generator=generator, dtype=torch.float64)
