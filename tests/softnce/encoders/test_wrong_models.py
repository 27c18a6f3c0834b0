"""Models that cannot do what is asked of them: one line, with a way out."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from transformers import AutoConfig, AutoModel

from softnce.config.sections.training import EncoderSection
from softnce.encoders.options import PretrainedOptions
from softnce.encoders.transformer import transformer_encoder
from softnce.errors import ConfigError, SetupError
from softnce.export import export
from softnce.inputs.hard_negatives import model_guide
from softnce.inputs.prepared import build_encoder
from softnce.retrieval.open_model import open_model
from tests.softnce.encoders.small_models import small_decoder, small_roberta

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
    weights = {name: one.clone() for name, one in weights.items()}  # not what the file says later
    name = "encoder.layer.1.output.dense.bias"
    bad = weights | {name: torch.full_like(weights[name], math.nan)}
    save_file(bad, folder / "model.safetensors", metadata={"format": "pt"})
    assert "1 of its weights hold NaN or infinity" in refused(folder, options)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    for path in [*folder.glob("tokenizer*"), *folder.glob("vocab*"), *folder.glob("merges*")]:
        path.unlink()
    assert "has no tokenizer but its special tokens" in refused(folder, options)


def changed(path, **values):
    """Write values into a file of JSON; None takes one out."""
    stored = json.loads(path.read_text()) | values
    path.write_text(json.dumps({name: one for name, one in stored.items() if one is not None}))


@pytest.mark.parametrize("prompt", [{"code_prompt": "find "}, {"prefix_tokens": ("</s>",)}])
def test_a_code_with_data_flow_has_no_prompt(roberta_folder, prompt):
    found = refused(roberta_folder, PretrainedOptions(dataflow="fixed", max_length=32, **prompt))
    assert "would stand a prompt before each code" in found


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    folder = small_roberta(tmp_path)
    config = AutoConfig.from_pretrained(folder)
    config.vocab_size = 200
    AutoModel.from_config(config).save_pretrained(folder)
    found = refused(folder, PretrainedOptions())
    assert "its tokenizer has the token " in found
    assert "and the model 200 token vectors" in found
    with pytest.raises(SetupError, match="200 token vectors"):
        open_model(str(folder))


def test_no_text_is_longer_than_the_places_of_a_model_whose_tokenizer_says_nothing(tmp_path):
    """RoBERTa's places begin behind that of padding, so two of its positions are for no token."""
    folder = small_roberta(tmp_path, places=40)
    changed(folder / "tokenizer_config.json", model_max_length=None)
    encoder = transformer_encoder(str(folder), PretrainedOptions(max_length=256))
    tokens = encoder.tokenize(["x = y " * 100])
    assert tokens.lengths.tolist() == [38]
    assert encoder.encode_all(tokens).isfinite().all()
    codes = open_model(str(folder)).codes(["x = y " * 100], lambda *_: None)
    assert codes.isfinite().all()
    assert "places, and" in refused(folder, FLOW)


def test_a_decoder_without_a_token_for_padding_is_trained_and_exported_as_it_is(tmp_path):
    (tmp_path / "model").mkdir()
    folder = small_decoder(tmp_path / "model")
    changed(folder / "tokenizer_config.json", pad_token=None)
    encoder = transformer_encoder(str(folder), PretrainedOptions(pooling="last"))
    texts = ["read a file", "x"]
    out = export(encoder, tmp_path / "out", {})
    theirs = torch.from_numpy(SentenceTransformer(str(out), device="cpu").encode_query(texts))
    ours = encoder.encode_all(encoder.tokenize(texts))
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


def test_a_tokenizer_that_no_token_can_pad_for_is_refused(tmp_path):
    folder = small_decoder(tmp_path)
    nothing = dict.fromkeys(("pad_token", "eos_token", "unk_token"))
    changed(folder / "tokenizer_config.json", **nothing)
    found = refused(folder, PretrainedOptions(pooling="last"))
    assert "no token for padding, nor one that could stand for it" in found


def cut_weights(folder, keeps):
    """Keep some of the weights of a model's file, by name."""
    path = folder / "model.safetensors"
    kept = {name: one for name, one in load_file(path).items() if keeps(name)}
    save_file(kept, path, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("keeps", "said"),
    [
        (lambda name: "layer.1.attention.self" not in name, "holds no weights of encoder.layer.1"),
        (lambda name: "word_embeddings" not in name, "no weights of embeddings.word_embeddings"),
    ],
)
def test_weights_that_a_file_lacks_are_not_made_up(tmp_path, keeps, said):
    folder = small_roberta(tmp_path)
    cut_weights(folder, keeps)
    assert said in refused(folder, PretrainedOptions())
    with pytest.raises(SetupError, match="holds no weights of"):
        open_model(str(folder))


def test_a_pooler_that_a_file_lacks_is_drawn_by_the_seed_and_told(tmp_path, caplog):
    """Or a study's frozen models were those of other weights whenever it goes on."""
    folder = small_roberta(tmp_path)
    cut_weights(folder, lambda name: "pooler" not in name)
    section = EncoderSection(kind="transformer", model=str(folder), pooling="pooler")
    digests = [build_encoder(section, tmp_path, seed=seed).weights_digest() for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]
    assert "no weights of its pooler, which starts at random" in caplog.text
    caplog.clear()
    transformer_encoder(str(folder), PretrainedOptions(pooling="mean"))
    assert "pooler" not in caplog.text


MEAN = json.dumps({"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True})
FIRST = {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}
SECOND = {
    "idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling",
}  # fmt: skip


@pytest.mark.parametrize(
    ("modules", "pooling", "length", "said"),
    [
        ({"a": 1}, MEAN, 9, "neither a folder with a model"),
        (None, MEAN, 9, "neither a folder with a model"),
        ([SECOND], MEAN, 9, "its first part, a Pooling, reads no texts"),
        ([FIRST, SECOND], "{}", 9, "neither a folder with a model"),
        ([FIRST, SECOND], MEAN.replace("32", "77"), 9, "have 77 numbers, and they have 32"),
        ([FIRST, SECOND], MEAN, 2, "keeps 2 tokens of a text, 2 of them marks"),
        ([FIRST, SECOND], MEAN, -5, "keeps -5 tokens of a text"),
        ([FIRST, SECOND], MEAN, "long", "keeps long tokens of a text"),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path, modules, pooling, length, said):
    folder = small_roberta(tmp_path)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(pooling)
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": length}))
    assert said in refused(folder, PretrainedOptions())


def test_a_model_that_breaks_on_any_text_is_refused_at_once(tmp_path):
    folder = small_roberta(tmp_path)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pad_token_id": None}))
    assert "cannot encode a word: " in refused(folder, PretrainedOptions())
    with pytest.raises(SetupError, match=r"^--guide .* cannot encode a word: "):
        model_guide([], str(folder))


def test_weights_of_other_sizes_than_the_configuration_says_are_refused(tmp_path):
    folder = small_roberta(tmp_path)
    changed(folder / "config.json", hidden_size=64)
    assert "weights have other sizes than its config.json says" in refused(
        folder, PretrainedOptions()
    )
