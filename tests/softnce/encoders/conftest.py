"""Encoders made once for all tests."""

import pytest

from softnce.encoders.options import PretrainedOptions
from softnce.encoders.transformer import transformer_encoder
from tests.softnce.encoders.made_encoders import LENGTH, TEXTS, made_static
from tests.softnce.encoders.small_models import CODES, MODE, small_decoder, small_roberta

SHORT = {"query_max_length": LENGTH, "max_length": 2 * LENGTH}
SMALL = {
    "cls": PretrainedOptions(pooling="cls", max_length=LENGTH),
    "last": PretrainedOptions(pooling="last", max_length=LENGTH, code_prompt="x = "),
    "unixcoder": PretrainedOptions(pooling="mean", prefix_tokens=(MODE, "</s>"), **SHORT),
    "graphcodebert": PretrainedOptions(dataflow="fixed", dataflow_nodes=20, **SHORT),
}


@pytest.fixture(scope="session")
def pretrained(minilm):
    return transformer_encoder(str(minilm), PretrainedOptions(max_length=LENGTH))


@pytest.fixture(scope="session")
def roberta_folder(tmp_path_factory):
    return small_roberta(tmp_path_factory.mktemp("roberta"), texts=[*CODES, *TEXTS])


@pytest.fixture(scope="session")
def decoder_folder(tmp_path_factory):
    return small_decoder(tmp_path_factory.mktemp("decoder"))


@pytest.fixture(scope="session")
def small(roberta_folder, decoder_folder):
    """One encoder of each kind, on small random weights."""
    return {
        name: transformer_encoder(
            str(decoder_folder if name == "last" else roberta_folder), options
        )
        for name, options in SMALL.items()
    }


@pytest.fixture(params=["static", "transformer", *SMALL])
def encoder(request):
    if request.param == "static":
        return made_static()
    if request.param == "transformer":
        return request.getfixturevalue("pretrained")
    return request.getfixturevalue("small")[request.param]
