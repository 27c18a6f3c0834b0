"""Encoders made once for all tests."""

import pytest

from softnce.encoders.transformer import transformer_encoder
from tests.softnce.encoders.made_encoders import LENGTH, made_static


@pytest.fixture(scope="session")
def pretrained(minilm):
    return transformer_encoder(str(minilm), max_length=LENGTH)


@pytest.fixture(params=["static", "transformer"])
def encoder(request, pretrained):
    return made_static() if request.param == "static" else pretrained
