"""The presets of the paper's models hold the numbers of METHOD C.5, and where they differ."""

from importlib.resources import files

import pytest
import yaml

from softnce.config.file import validated

LENGTHS = {"codebert": (200, None), "graphcodebert": (256, 128), "unixcoder": (256, 128)}
NUMBERS = {  # epochs, batch, learning rate, seed
    "codebert-paper": (30, 32, 1e-6, 1234),
    "codebert-upstream": (10, 32, 1e-6, 45),
    "graphcodebert-paper": (30, 32, 2e-5, 1234),
    "graphcodebert-upstream": (10, 32, 2e-5, 123456),
    "unixcoder-paper": (30, 64, 2e-5, 1234),
    "unixcoder-upstream": (10, 64, 2e-5, 123456),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_preset_holds_the_numbers_of_its_source(name):
    text = (files("tune_spaces.space") / "presets" / f"{name}.yaml").read_text()
    config = validated(yaml.safe_load(text))
    model, _, source = name.partition("-")
    encoder, optim = config.encoder, config.optim
    found = (optim.epochs, optim.batch_size, optim.learning_rate, optim.seed)
    assert found == NUMBERS[name]
    assert (optim.weight_decay, optim.max_grad_norm, optim.precision) == (0, 1.0, "fp32")
    assert (encoder.max_length, encoder.query_max_length) == LENGTHS[model]
    assert encoder.model == f"microsoft/{model}-base"
    assert encoder.pooling == ("mean" if model == "unixcoder" else "pooler")
    assert encoder.dataflow == ("official" if model == "graphcodebert" else "off")
    assert encoder.prefix_tokens == (("<encoder-only>", "</s>") if model == "unixcoder" else ())
    is_cosine = name == "unixcoder-upstream"  # the cosine times 20
    wanted = ("cosine", 0.05) if is_cosine else ("dot", 1.0)
    assert (encoder.similarity, config.loss.temperature) == wanted
    warm = optim.warmup_share * optim.epochs
    assert warm == pytest.approx(1.0 if model == "codebert" else 0.0, abs=1e-6)
    assert config.weights.scale == ("raw" if source == "paper" else "standardised")
