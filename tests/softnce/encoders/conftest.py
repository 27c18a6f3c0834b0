"""Encoders made once for all tests."""

from dataclasses import replace
from importlib.resources import files

import pytest
import yaml

from softnce.config.file import validated
from softnce.encoders.options import PretrainedOptions
from softnce.encoders.transformer import transformer_encoder
from softnce.inputs.prepared import pretrained_options
from tests.softnce.encoders.made_encoders import LENGTH, TEXTS, made_static
from tests.softnce.encoders.small_models import CODES, small_decoder, small_roberta

SHORT = {"query_max_length": LENGTH, "max_length": 2 * LENGTH}


def of_preset(name, **changes):
    """Return how a preset of the paper's models reads texts."""
    text = (files("tune_spaces.space") / "presets" / f"{name}.yaml").read_text()
    section = validated(yaml.safe_load(text)).encoder
    return replace(pretrained_options(section, seed=0), **changes)


# The presets that are not here have the encoder of one that is: see test_paper_models.
SMALL = {
    "cls": PretrainedOptions(pooling="cls", max_length=LENGTH),
    "last": PretrainedOptions(pooling="last", max_length=LENGTH, code_prompt="x = "),
    "last, padded right": PretrainedOptions(
        pooling="last", max_length=LENGTH, query_prompt="find ", code_prompt="x = "
    ),
    "codebert": of_preset("codebert-paper", max_length=LENGTH),
    "unixcoder": of_preset("unixcoder-upstream", **SHORT),
    "unixcoder, dot": of_preset("unixcoder-paper", **SHORT),
    "graphcodebert": of_preset("graphcodebert-paper", dataflow="fixed", dataflow_nodes=20, **SHORT),
    "graphcodebert, official": of_preset("graphcodebert-paper", dataflow_nodes=20, **SHORT),
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
def small(roberta_folder, decoder_folder, tmp_path_factory):
    """One encoder of each kind, on small random weights."""
    right = small_decoder(tmp_path_factory.mktemp("decoder"), padding_side="right")
    places = {"last": decoder_folder, "last, padded right": right}
    return {
        name: transformer_encoder(str(places.get(name, roberta_folder)), options)
        for name, options in SMALL.items()
    }


@pytest.fixture(params=["static", "transformer", *SMALL])
def encoder(request):
    if request.param == "static":
        return made_static()
    if request.param == "transformer":
        return request.getfixturevalue("pretrained")
    return request.getfixturevalue("small")[request.param]
