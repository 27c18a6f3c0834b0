"""LoRA: only adapters train, wherever they stand; an exported model holds them in its weights."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoTokenizer, GPT2Config

from softnce.config.file import validated
from softnce.encoders.adapters import Adapters, at_rest, is_of_adapter
from softnce.encoders.options import PretrainedOptions
from softnce.encoders.transformer import transformer_encoder
from softnce.errors import ConfigError, SetupError
from softnce.export import export
from softnce.ragged import ragged
from softnce.training.gather import Workers
from softnce.training.optimizer import adamw
from softnce.training.step import Batch, Objective, Texts, differentiated
from tests.softnce.encoders.conftest import SMALL
from tests.softnce.encoders.small_models import CODES, small_roberta

EIGHT = Adapters(rank=8, alpha=16.0, dropout=0.0, targets="all", seed=1)
KINDS = ("cls", "last", "unixcoder", "graphcodebert")
QUERIES = ["add", "loop", "parse a header", "unicode"]


@pytest.fixture
def folders(roberta_folder, decoder_folder):
    return {name: str(decoder_folder if name == "last" else roberta_folder) for name in KINDS}


def made(folders, name, adapters=EIGHT, **options):
    chosen = {one: getattr(SMALL[name], one) for one in PretrainedOptions.__slots__} | options
    chosen["adapters"] = adapters
    return transformer_encoder(folders[name], PretrainedOptions(**chosen))


def moved(encoder):
    """Give adapters values as training does, so that they change every vector."""
    generator = torch.Generator().manual_seed(2)
    for one in encoder.trained:
        with torch.no_grad():
            one.normal_(std=0.1, generator=generator)
    return encoder


def tokens_of(encoder):
    return encoder.tokenize(CODES, side="code", languages=["python"] * len(CODES))


def loss_of(encoder, precision="fp32"):
    """Take one batch's loss, and leave its gradient in the adapters."""
    config = validated({"data": {"path": "x"}, "loss": {"name": "infonce"}})
    texts = Texts(encoder.tokenize(QUERIES), tokens_of(encoder), ragged([]))
    objective = Objective("cosine", config.loss, config.weights, Workers())
    batch = Batch(np.arange(len(CODES)), None)
    return differentiated(encoder, objective, texts, batch, precision=precision).loss.item()


def frozen(encoder):
    return {
        name: one.detach().clone()
        for name, one in encoder.model.named_parameters()
        if not is_of_adapter(name)
    }


@pytest.mark.parametrize("name", KINDS)
def test_before_training_they_change_nothing(folders, name):
    plain, adapted = made(folders, name, None), made(folders, name)
    for one in (plain, adapted):
        one.model.eval()
    assert torch.equal(adapted.encode_all(tokens_of(adapted)), plain.encode_all(tokens_of(plain)))
    assert loss_of(adapted) == loss_of(plain)
    assert adapted.weights_digest() == plain.weights_digest()
    assert adapted.tokenizer_digest() == plain.tokenizer_digest()
    assert adapted.size == plain.size == sum(one.numel() for one in plain.trained)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", KINDS)
def test_they_alone_are_trained_and_then_exported_in_the_weights(
    folders, name, precision, tmp_path
):
    encoder = made(folders, name)
    before, optim = frozen(encoder), validated({"data": {"path": "x"}}).optim
    optimizer = adamw(
        encoder.model, optim.model_copy(update={"weight_decay": 0.1, "learning_rate": 0.01})
    )
    held = {id(one) for group in optimizer.param_groups for one in group["params"]}
    assert held == {id(one) for one in encoder.trained}
    encoder.model.eval()  # without dropout, so that each step brings the loss down
    losses = []
    for _ in range(8):
        losses.append(loss_of(encoder, precision))
        assert all(one.grad is not None for one in encoder.trained)
        optimizer.step()
    assert losses[-1] < losses[0]
    assert all(torch.equal(one, before[name]) for name, one in frozen(encoder).items())
    ours = encoder.encode_all(tokens := encoder.tokenize(CODES, side="code"))
    folder = export(encoder, tmp_path / "model", {})
    files = [path.read_text(errors="ignore") for path in folder.rglob("*.json")]
    assert not any("lora" in text or "peft" in text for text in files)
    theirs = SentenceTransformer(str(folder), device="cpu")
    assert type(theirs).__module__.startswith("sentence_transformers")
    assert not [one for one in theirs.state_dict() if "lora" in one or "base_layer" in one]
    found = torch.from_numpy(theirs.encode_document(CODES))
    torch.testing.assert_close(found, ours, atol=1e-5, rtol=0)
    assert torch.equal(encoder.encode_all(tokens), ours)  # it trains on as it was
    plain = made(folders, name, None)
    assert not torch.allclose(plain.encode_all(plain.tokenize(CODES, side="code")), ours, atol=1e-3)


@pytest.mark.parametrize("name", KINDS)
def test_their_weights_alone_make_a_checkpoint(folders, name):
    encoder = moved(made(folders, name))
    stored = {key: one.clone() for key, one in encoder.trained_weights().items()}
    assert stored
    assert all(is_of_adapter(one) for one in stored)
    again = made(folders, name, Adapters(8, 16.0, 0.0, "all", seed=7))
    again.load_weights(stored)
    assert torch.equal(*(one.encode_all(tokens_of(one)) for one in (encoder, again)))
    for other in (made(folders, name, None), made(folders, name, Adapters(4, 16.0, 0.0, "all", 1))):
        with pytest.raises(RuntimeError):
            other.load_weights(stored)
    with pytest.raises(RuntimeError, match=r"weights of another encoder: .* are missing"):
        encoder.load_weights(dict(list(stored.items())[1:]))
    with pytest.raises(RuntimeError, match=r"another encoder: \['more'\] are none of this one"):
        encoder.load_weights(stored | {"more": torch.zeros(1)})


WAYS = {
    "cached": {"bound": 30},
    "checkpointed": {"has_less": True},
    "packed": {"packing": "always"},
    "packed and cached": {"packing": "always", "bound": 30},
    "compiled": {"is_compiled": True},
}


def gradient_of(folders, name, *, packing="never", bound=None, **ways):
    encoder = moved(made(folders, name, packing=packing))
    encoder.max_tokens_per_pass = bound
    if ways.get("has_less"):
        encoder.checkpoint_layers()
    if ways.get("is_compiled"):
        encoder.compile_layers()
    for module in encoder.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    encoder.model.train()
    loss = loss_of(encoder)
    assert getattr(encoder, "is_packed", False) == (packing == "always")
    return [torch.tensor(loss), *(one.grad for one in encoder.trained)]


@pytest.mark.parametrize(
    ("name", "way"),
    [
        *((name, way) for name in KINDS for way in ("cached", "checkpointed")),
        *((name, way) for name in ("cls", "unixcoder") for way in ("packed", "packed and cached")),
        *(pytest.param(name, "compiled", marks=pytest.mark.long) for name in KINDS),
    ],
)
def test_they_act_alike_in_all_kinds_of_passes(folders, name, way):
    wanted = gradient_of(folders, name)
    assert all(one.abs().max() > 0 for one in wanted)
    for one, plain in zip(gradient_of(folders, name, **WAYS[way]), wanted, strict=True):
        torch.testing.assert_close(one, plain, atol=2e-5, rtol=1e-3)


@pytest.mark.parametrize(
    ("targets", "number"), [("all", 12), ("query+value", 4), ("output.dense", 4), ("self.key", 2)]
)
def test_they_stand_beside_the_modules_that_are_named(folders, targets, number):
    encoder = made(folders, "cls", Adapters(3, 6.0, 0.0, targets, 1))
    assert len(encoder.trained) == 2 * number
    assert {min(one.shape) for one in encoder.trained} == {3}
    assert not [one for one in encoder.trained_weights() if "pooler" in one]


def test_they_stand_beside_the_transposed_modules_of_gpt_2(decoder_folder, tmp_path, recwarn):
    tokenizer = AutoTokenizer.from_pretrained(decoder_folder)
    tokenizer.save_pretrained(tmp_path)
    config = GPT2Config(vocab_size=len(tokenizer), n_positions=64, n_embd=32, n_layer=2, n_head=4)
    AutoModel.from_config(config).save_pretrained(tmp_path)
    options = PretrainedOptions(pooling="mean", max_length=32, adapters=EIGHT)
    encoder = transformer_encoder(str(tmp_path), options)
    assert len(encoder.trained) == 2 * 2 * 4  # c_attn and c_fc, and two c_proj
    plain = transformer_encoder(str(tmp_path), replace(options, adapters=None))
    tokens = encoder.tokenize(CODES)
    assert torch.equal(encoder.encode_all(tokens), plain.encode_all(tokens))
    loss_of(encoder)
    assert all(one.grad is not None for one in encoder.trained)
    ours = moved(encoder).encode_all(tokens)
    assert not torch.allclose(ours, plain.encode_all(tokens), atol=1e-2)
    folder = export(encoder, tmp_path / "exported", {})
    again = transformer_encoder(str(folder), replace(options, adapters=None))
    torch.testing.assert_close(again.encode_all(tokens), ours, atol=1e-5, rtol=1e-4)
    assert not [one for one in recwarn if "fan_in_fan_out" in str(one.message)]


def test_a_module_that_no_layer_has_is_refused_with_those_there_are(folders):
    with pytest.raises(ConfigError) as caught:
        made(folders, "cls", Adapters(8, 16.0, 0.0, "query+qeury", 1))
    assert "\n" not in str(caught.value)
    assert "have no linear module qeury; name some of attention.self.query, " in str(caught.value)
    assert "attention.output.dense, intermediate.dense, output.dense" in str(caught.value)


def test_a_pooler_that_would_stay_at_random_numbers_is_refused(tmp_path):
    folder = small_roberta(tmp_path)
    weights = load_file(folder / "model.safetensors")
    rest = {name: one for name, one in weights.items() if "pooler" not in name}
    save_file(rest, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(SetupError, match=r"no weights of its pooler, and encoder\.lora would not"):
        transformer_encoder(str(folder), PretrainedOptions(pooling="pooler", adapters=EIGHT))
    transformer_encoder(str(folder), PretrainedOptions(pooling="mean", adapters=EIGHT))


@pytest.mark.parametrize("part", ["", "0_Transformer"])
def test_adapters_of_elsewhere_are_no_model(tmp_path, part):
    modules = [{"path": part, "type": "sentence_transformers.models.Transformer"}]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    (tmp_path / part).mkdir(exist_ok=True)
    (tmp_path / part / "adapter_config.json").write_text(
        '{"base_model_name_or_path": "some/model"}'
    )
    with pytest.raises(SetupError, match=r"holds adapters .* merge them into their model"):
        transformer_encoder(str(tmp_path))


def test_their_first_weights_follow_from_the_seed_alone(folders):
    torch.manual_seed(5)
    first = made(folders, "cls").trained_weights()
    torch.manual_seed(6)
    again = made(folders, "cls").trained_weights()
    other = made(folders, "cls", Adapters(8, 16.0, 0.0, "all", seed=2)).trained_weights()
    assert all(torch.equal(one, again[name]) for name, one in first.items())
    assert not all(torch.equal(one, other[name]) for name, one in first.items())


def test_dropout_and_alpha_are_theirs(folders):
    tokens, found = None, []
    for alpha, dropout in ((16.0, 0.0), (32.0, 0.0), (16.0, 0.5)):
        encoder = moved(made(folders, "last", Adapters(8, alpha, dropout, "all", 1)))
        encoder.model.train()  # this decoder has no dropout of its own
        tokens = encoder.tokenize(CODES)
        with torch.no_grad():
            found.append([encoder.encode(tokens) for _ in range(2)])
    assert torch.equal(*found[0])
    assert not torch.allclose(found[0][0], found[1][0], atol=1e-3)
    assert not torch.allclose(*found[2], atol=1e-3)


def test_at_rest_a_model_computes_as_without_them_and_trains_on(folders):
    encoder, plain = moved(made(folders, "cls")), made(folders, "cls", None)
    tokens = tokens_of(encoder)
    before = encoder.encode_all(tokens)
    with at_rest(encoder.model):
        assert torch.equal(encoder.encode_all(tokens), plain.encode_all(tokens))
    assert torch.equal(encoder.encode_all(tokens), before)
    assert all(is_of_adapter(name) for name in encoder.trained_weights())
