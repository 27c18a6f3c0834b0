"""Models of the hub, from a cache in its own layout: revisions, and weights that are not safe."""

import pytest
import torch

from softnce.encoders.options import PretrainedOptions
from softnce.encoders.transformer import transformer_encoder
from softnce.errors import SetupError
from tests.softnce.encoders.small_models import small_roberta

OLD, NEW, BARE = "a" * 40, "b" * 40, "c" * 40


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Two revisions of one model, main being the newer one, and one without safetensors."""
    root = tmp_path_factory.mktemp("hub")
    repository = root / "models--small--roberta"
    for seed, revision in enumerate((OLD, NEW, BARE)):
        folder = repository / "snapshots" / revision
        folder.mkdir(parents=True)
        small_roberta(folder, seed=seed)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(NEW)
    (repository / "snapshots" / BARE / "model.safetensors").unlink()
    torch.save({}, repository / "snapshots" / BARE / "pytorch_model.bin")
    return root


@pytest.fixture(autouse=True)
def hub(cache, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))


def digest(**options):
    return transformer_encoder("small/roberta", PretrainedOptions(**options)).weights_digest()


def test_a_revision_is_pinned_and_main_is_what_it_points_to(cache):
    assert digest() == digest(revision=NEW) == digest(revision="main")
    old = transformer_encoder(str(cache / "models--small--roberta" / "snapshots" / OLD))
    assert digest(revision=OLD) == old.weights_digest() != digest()


def test_a_revision_without_safetensors_is_refused_in_one_line():
    with pytest.raises(SetupError) as caught:
        digest(revision=BARE)
    assert "\n" not in str(caught.value)
    assert "encoder.allow_bin" in str(caught.value)


def test_an_unknown_revision_or_model_is_refused_in_one_line():
    for model, revision in (("small/roberta", "d" * 40), ("small/none", None)):
        with pytest.raises(SetupError, match=r"nor a model that the hub gave: ") as caught:
            transformer_encoder(model, PretrainedOptions(revision=revision))
        assert "\n" not in str(caught.value)


def test_without_the_hub_a_model_of_the_cache_is_loaded_and_another_one_names_the_way_out(
    monkeypatch,
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert digest(revision=NEW) == digest()
    with pytest.raises(SetupError, match="it is out of reach, and its cache here has no") as caught:
        transformer_encoder("small/none", PretrainedOptions())
    assert "name a folder that holds the model" in str(caught.value)
