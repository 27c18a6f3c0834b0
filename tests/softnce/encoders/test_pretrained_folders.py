"""Pretrained folders: how they are pooled, and those that are refused at once."""

import json
import math
import shutil
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Pooling
from transformers import (
    AutoModel,
    AutoTokenizer,
    BertTokenizerFast,
    DistilBertConfig,
    RobertaConfig,
    T5Config,
)

from softnce.encoders.options import PretrainedOptions
from softnce.encoders.transformer import transformer_encoder
from softnce.errors import ConfigError, SetupError
from softnce.export import export
from tests.softnce.encoders.made_encoders import LENGTH, TEXTS, made_static

SMALL = {
    "roberta": RobertaConfig(
        vocab_size=90, hidden_size=16, num_attention_heads=2, num_hidden_layers=1
    ),
    "t5": T5Config(vocab_size=90, d_model=16, d_kv=8, num_heads=2, num_layers=1, d_ff=8),
}


PLAIN = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"]


@pytest.fixture(scope="session")
def plain_folder(minilm, tmp_path_factory):
    """The same weights as Hugging Face saves them: no modules.json, no pooling."""
    folder = tmp_path_factory.mktemp("plain")
    for name in PLAIN:
        shutil.copy(Path(minilm) / name, folder / name)
    return folder


# --- pretrained folders


def test_a_sentence_transformers_folder_keeps_its_vectors(minilm):
    encoder = transformer_encoder(str(minilm))
    theirs = SentenceTransformer(str(minilm), device="cpu").encode(TEXTS)
    ours = encoder.encode_all(encoder.tokenize(TEXTS))
    torch.testing.assert_close(ours, torch.from_numpy(theirs), atol=1e-6, rtol=0)


def test_a_plain_folder_is_pooled_by_the_mean(plain_folder, pretrained):
    encoder = transformer_encoder(str(plain_folder), PretrainedOptions(max_length=LENGTH))
    torch.testing.assert_close(
        encoder.encode_all(encoder.tokenize(TEXTS)),
        pretrained.encode_all(pretrained.tokenize(TEXTS)),
        atol=1e-6,
        rtol=0,
    )


def test_a_plain_folder_is_cut_where_the_model_ends(plain_folder):
    assert transformer_encoder(str(plain_folder), PretrainedOptions(max_length=4000)).tokenize(
        ["a " * 600]
    ).lengths == [512]


@pytest.mark.parametrize("pooling", ["cls", "pooler", "mean"])
@pytest.mark.parametrize("layout", ["plain_folder", "minilm"])
def test_pooling_is_that_of_hugging_face(pooling, layout, plain_folder, request):
    encoder = transformer_encoder(
        str(request.getfixturevalue(layout)),
        PretrainedOptions(pooling=pooling, similarity="dot", max_length=LENGTH),
    )
    tokenizer = AutoTokenizer.from_pretrained(plain_folder)
    model = AutoModel.from_pretrained(plain_folder).eval()
    batch = tokenizer(TEXTS, padding=True, truncation=True, max_length=LENGTH, return_tensors="pt")
    with torch.inference_mode():
        output = model(**batch)
    mask = batch["attention_mask"].unsqueeze(2)
    wanted = {
        "cls": output.last_hidden_state[:, 0],
        "pooler": output.pooler_output,
        "mean": (output.last_hidden_state * mask).sum(1) / mask.sum(1),
    }[pooling]
    found = encoder.encode_all(encoder.tokenize(TEXTS))
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_the_pooler_is_trained_and_exported(plain_folder, tmp_path):
    encoder = transformer_encoder(str(plain_folder), PretrainedOptions(pooling="pooler"))
    encoder.encode(encoder.tokenize(["a"])).sum().backward()
    heads = [p for n, p in encoder.model.named_parameters() if n.endswith("linear.weight")]
    assert len(heads) == 1
    assert heads[0].grad.abs().sum() > 0
    folder = export(encoder, tmp_path / "model", {})
    stored = [load_file(path) for path in folder.glob("*_Dense/*.safetensors")]
    torch.testing.assert_close(stored[0]["linear.weight"], heads[0].detach())


def test_training_goes_on_with_the_head_that_was_trained_before(plain_folder, tmp_path):
    pooled = PretrainedOptions(pooling="pooler", similarity="dot")
    encoder = transformer_encoder(str(plain_folder), pooled)
    with torch.no_grad():
        for name, one in encoder.model.named_parameters():
            if name.endswith(("linear.weight", "linear.bias")):
                one.mul_(0.5)
    folder = export(encoder, tmp_path / "model", {})
    again = transformer_encoder(str(folder), pooled)
    tokens = encoder.tokenize(TEXTS)
    torch.testing.assert_close(again.encode_all(tokens), encoder.encode_all(tokens))


@pytest.mark.parametrize(
    "head",
    [
        lambda size: Dense(size, size // 2, activation_function=torch.nn.Tanh()),
        lambda size: Dense(size, size, activation_function=torch.nn.Identity()),
    ],
)
def test_another_head_is_no_pooler(roberta_folder, tmp_path, head):
    pooled = PretrainedOptions(pooling="pooler")
    plain = transformer_encoder(str(roberta_folder), pooled)
    size = plain.dimensions
    parts = [plain.sentence_transformer()[0], Pooling(size, pooling_mode="cls"), head(size)]
    SentenceTransformer(modules=parts, device="cpu").save(str(tmp_path / "model"))
    found = transformer_encoder(str(tmp_path / "model"), pooled)
    tokens = plain.tokenize(TEXTS)
    torch.testing.assert_close(found.encode_all(tokens), plain.encode_all(tokens))


def test_a_model_without_a_pooler_is_refused_with_a_way_out(tmp_path):
    AutoModel.from_config(
        DistilBertConfig(dim=8, hidden_dim=8, n_heads=2, n_layers=1)
    ).save_pretrained(tmp_path)
    BertTokenizerFast(
        vocab={"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "[PAD]": 3, "a": 4}
    ).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="has no pooler; use cls or mean"):
        transformer_encoder(str(tmp_path), PretrainedOptions(pooling="pooler"))


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/model", "~/no/model", "a/b/c"])
def test_a_folder_that_is_not_there_is_refused_at_once(name):
    began = time.monotonic()
    with pytest.raises(SetupError, match=r"encoder\.model .*: there is no such folder"):
        transformer_encoder(name)
    assert time.monotonic() - began < 60  # no retries of a download


@pytest.mark.parametrize("content", [{}, {"config.json": "{"}, {"modules.json": "[]"}])
def test_a_folder_without_a_model_is_refused_at_once(tmp_path, content):
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    began = time.monotonic()
    with pytest.raises((SetupError, ConfigError), match=r"encoder\.model .*: ") as caught:
        transformer_encoder(str(tmp_path))
    assert "\n" not in str(caught.value)
    assert time.monotonic() - began < 60


def test_a_torn_weights_file_is_refused(plain_folder, tmp_path):
    shutil.copytree(plain_folder, tmp_path / "torn")
    weights = tmp_path / "torn" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(SetupError, match="neither a folder with a model"):
        transformer_encoder(str(tmp_path / "torn"))


@pytest.mark.parametrize("kind", ["sentence-transformers", "plain", "roberta", "t5"])
def test_a_model_without_its_tokenizer_is_refused(minilm, plain_folder, tmp_path, kind):
    folder = tmp_path / "model"
    if kind in SMALL:
        AutoModel.from_config(SMALL[kind]).save_pretrained(folder)
    else:
        shutil.copytree(plain_folder if kind == "plain" else minilm, folder)
        for path in [*folder.glob("tokenizer*"), *folder.glob("vocab*")]:
            path.unlink()
    with pytest.raises(SetupError, match=r"^encoder\.model .*: has no tokenizer .*tokenizer.json"):
        transformer_encoder(str(folder))


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_weights_that_are_no_numbers_are_refused(plain_folder, tmp_path, broken):
    folder = tmp_path / "model"
    shutil.copytree(plain_folder, folder)
    weights = load_file(folder / "model.safetensors")
    name = "encoder.layer.1.output.dense.bias"
    weights[name][7] = broken
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(SetupError, match=rf"1 of its weights hold NaN or infinity, first .*{name}"):
        transformer_encoder(str(folder))


def test_a_home_folder_is_found(plain_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copytree(plain_folder, tmp_path / "models" / "mini")
    assert transformer_encoder("~/models/mini").dimensions == 384


def test_a_static_model_is_no_transformer(tmp_path):
    folder = export(made_static(), tmp_path / "model", {})
    with pytest.raises(ConfigError, match="holds a StaticEmbedding, not a transformer"):
        transformer_encoder(str(folder))


def test_code_of_a_model_folder_is_never_run(plain_folder, tmp_path):
    folder = tmp_path / "evil"
    shutil.copytree(plain_folder, folder)
    settings = json.loads((folder / "config.json").read_text())
    settings["auto_map"] = {"AutoModel": "evil.Model", "AutoConfig": "evil.Config"}
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    transformer_encoder(str(folder))
    assert not (tmp_path / "ran").exists()
