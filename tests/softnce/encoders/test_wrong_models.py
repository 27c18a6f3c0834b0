"""Models that cannot do what is asked of them: one line, with a way out."""

import math

import pytest
import torch
from safetensors.torch import load_file, save_file

from softnce.encoders.options import PretrainedOptions
from softnce.encoders.transformer import transformer_encoder
from softnce.errors import ConfigError, SetupError
from tests.softnce.encoders.small_models import small_roberta

FLOW = PretrainedOptions(dataflow="fixed", max_length=32)


def refused(model, options):
    with pytest.raises((ConfigError, SetupError)) as caught:
        transformer_encoder(str(model), options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_data_flow_needs_a_roberta(minilm):
    assert "needs a RoBERTa, as GraphCodeBERT is, and" in refused(minilm, FLOW)
    assert "holds a BertModel; set encoder.dataflow to off" in refused(minilm, FLOW)


def test_data_flow_needs_places(roberta_folder):
    long = PretrainedOptions(dataflow="fixed", max_length=300, dataflow_nodes=64)
    assert "364 places" in refused(roberta_folder, long)


def test_unixcoders_prefix_needs_its_vocabulary(minilm):
    unixcoder = PretrainedOptions(prefix_tokens=("<encoder-only>", "</s>"))
    found = refused(minilm, unixcoder)
    assert found.startswith("encoder.prefix_tokens: <encoder-only> is no token of")


def test_codeberts_head_needs_a_pooler(decoder_folder):
    assert "has no pooler; use cls or mean" in refused(
        decoder_folder, PretrainedOptions(pooling="pooler")
    )


def test_a_tokenizer_that_is_stored_with_its_padding_has_room_for_a_prompt(minilm):
    short = PretrainedOptions(query_prompt="find ", max_length=24)
    assert transformer_encoder(str(minilm), short).tokenize(["a file"]).lengths.tolist() == [5]


@pytest.mark.parametrize("side", ["query", "code"])
def test_a_prompt_leaves_room_for_a_text(roberta_folder, side):
    long = PretrainedOptions(**{f"{side}_prompt": "find " * 40}, max_length=16)
    found = refused(roberta_folder, long)
    assert f"the prompt of a {side} and its marks take" in found
    assert f"of 16 tokens; shorten encoder.{side}_prompt" in found


@pytest.mark.parametrize("options", [FLOW, PretrainedOptions(pooling="mean")])
def test_weights_that_are_no_numbers_and_a_missing_tokenizer_are_refused(tmp_path, options):
    folder = small_roberta(tmp_path)
    weights = load_file(folder / "model.safetensors")
    name = "encoder.layer.1.output.dense.bias"
    bad = weights | {name: torch.full_like(weights[name], math.nan)}
    save_file(bad, folder / "model.safetensors", metadata={"format": "pt"})
    assert "1 of its weights hold NaN or infinity" in refused(folder, options)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    for path in [*folder.glob("tokenizer*"), *folder.glob("vocab*"), *folder.glob("merges*")]:
        path.unlink()
    assert "has no tokenizer but its special tokens" in refused(folder, options)
