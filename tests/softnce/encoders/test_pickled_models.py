"""Weights that would run code are refused in one line that advises nothing unsafe."""

import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from softnce.encoders.options import PretrainedOptions
from softnce.encoders.transformer import transformer_encoder
from softnce.errors import SetupError
from softnce.inputs.hard_negatives import model_guide
from softnce.retrieval.open_model import quietly_loaded
from tune_spaces.search.model_export import export_model
from tune_spaces.sources.model import ModelSource


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def folder(minilm, tmp_path):
    """A model without its safe weights."""
    place = shutil.copytree(minilm, tmp_path / "model")
    (place / "model.safetensors").unlink()
    return place


@pytest.mark.parametrize("writes", [pickle.dump, torch.save])
def test_a_pickle_is_refused_in_one_line_and_never_run(folder, tmp_path, writes):
    with (folder / "pytorch_model.bin").open("wb") as file:
        writes({"weights": Evil(tmp_path / "ran")}, file)
    with pytest.raises(SetupError, match=r"\.bin file, .* or set encoder\.allow_bin"):
        transformer_encoder(str(folder))
    with pytest.raises(SetupError) as caught:
        transformer_encoder(str(folder), PretrainedOptions(allow_bin=True))
    assert "would run code when it is read; name a model with .safetensors" in str(caught.value)
    assert "weights_only" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "ran").exists()


def test_plain_weights_in_a_bin_file_are_read_where_that_is_allowed(folder, minilm):
    torch.save(load_file(Path(minilm) / "model.safetensors"), folder / "pytorch_model.bin")
    with pytest.raises(SetupError, match=r"weights in a \.bin file"):
        transformer_encoder(str(folder))
    allowed = transformer_encoder(str(folder), PretrainedOptions(allow_bin=True))
    assert allowed.dimensions == 384


def test_a_folder_has_no_revision(minilm):
    with pytest.raises(SetupError, match=r"has no revision main; leave encoder\.revision out"):
        transformer_encoder(str(minilm), PretrainedOptions(revision="main"))


def test_a_model_that_is_only_used_is_exported_as_safetensors_first(folder, minilm, tmp_path):
    torch.save(load_file(Path(minilm) / "model.safetensors"), folder / "pytorch_model.bin")
    with pytest.raises(SetupError, match=r"softnce export MODEL OUT --allow-bin writes it anew"):
        quietly_loaded(str(folder))
    with pytest.raises(SetupError, match=r"^--guide .*; softnce export MODEL OUT --allow-bin"):
        model_guide([], str(folder))
    source = ModelSource(str(folder), "model")
    out = export_model(source, tmp_path / "out", allow_bin=True)
    assert quietly_loaded(str(out)).get_embedding_dimension() == 384
