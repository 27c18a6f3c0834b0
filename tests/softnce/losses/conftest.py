"""The worked example of four queries, and a small pretrained model with one that guides it."""

from copy import deepcopy

import pytest
import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor

from tests.worked import LOGITS, SCORES, double


@pytest.fixture
def logits() -> Tensor:
    return double(LOGITS)


@pytest.fixture
def scores() -> Tensor:
    return double(SCORES)


@pytest.fixture
def diagonal() -> Tensor:
    return torch.arange(4)


@pytest.fixture(scope="module")
def model(minilm):
    loaded = SentenceTransformer(str(minilm), device="cpu")
    loaded.max_seq_length = 32
    return loaded.eval()


@pytest.fixture(scope="module")
def guide(model):
    """A model of the same vocabulary that finds other texts alike."""
    other, draw = deepcopy(model), torch.Generator().manual_seed(4)
    with torch.no_grad():
        for one in other.parameters():
            one.add_(0.05 * torch.randn(one.shape, generator=draw))
    return other.eval()
