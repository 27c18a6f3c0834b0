"""The worked example of four queries."""

import pytest
import torch
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
