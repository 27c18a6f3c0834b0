"""Models of the hub, from a cache in its own layout: revisions, and weights that are not safe."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import torch

from softnce.encoders.hub import file_beside
from softnce.encoders.options import SIDE_FILE, PretrainedOptions
from softnce.encoders.transformer import transformer_encoder
from softnce.errors import SetupError
from tests.softnce.encoders.small_models import small_roberta

OLD, NEW, BARE, ADAPTED = (letter * 40 for letter in "abcd")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Two revisions of one model, main being the newer one, and one without safetensors."""
    root = tmp_path_factory.mktemp("hub")
    repository = root / "models--small--roberta"
    for seed, revision in enumerate((OLD, NEW, BARE, ADAPTED)):
        folder = repository / "snapshots" / revision
        folder.mkdir(parents=True)
        small_roberta(folder, seed=seed)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(NEW)
    (repository / "snapshots" / BARE / "model.safetensors").unlink()
    torch.save({}, repository / "snapshots" / BARE / "pytorch_model.bin")
    (repository / "snapshots" / ADAPTED / "adapter_config.json").write_text("{}")
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
    for model, revision in (("small/roberta", "e" * 40), ("small/none", None)):
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


def test_adapters_of_the_hub_are_no_model():
    with pytest.raises(SetupError, match=r"holds adapters .* merge them into their model"):
        digest(revision=ADAPTED)


class Refusing(BaseHTTPRequestHandler):
    """A hub that wants a token."""

    def do_GET(self):
        self.send_error(401)

    def do_HEAD(self):
        self.do_GET()

    def log_message(self, *_):
        pass


def test_a_hub_that_refuses_to_say_what_lies_beside_a_model_is_told_in_one_line(monkeypatch):
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    own = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", own)
    template = own + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    with pytest.raises(SetupError, match=r"small/other: the hub did not give ") as caught:
        file_beside("small/other", SIDE_FILE)
    server.shutdown()
    server.server_close()
    assert "\n" not in str(caught.value)
