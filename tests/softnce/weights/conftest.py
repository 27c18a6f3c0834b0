"""The worked scores."""

import pytest
from torch import Tensor

from tests.worked import SCORES, double


@pytest.fixture
def scores() -> Tensor:
    return double(SCORES)
