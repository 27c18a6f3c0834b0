"""Both encoders by one contract, the static encoder's words, and pretrained folders."""

import json
import math
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from transformers import (
    AutoModel,
    AutoTokenizer,
    BertTokenizerFast,
    DistilBertConfig,
    RobertaConfig,
    T5Config,
)

from softnce.encoders.encoder import _passes
from softnce.encoders.static import static_encoder, train_tokenizer
from softnce.encoders.transformer import transformer_encoder
from softnce.errors import ConfigError, SetupError
from softnce.export import export
from softnce.ragged import ragged

TEXTS = [
    "read a csv file",
    "",
    "def parseHTTPHeader(line):\n    return line.split(':')",
    "  white   space\n\n",
    "sum the numbers " * 40,
    "中文 and ünïcode 🙂",
    "x",
]
LENGTH = 24
SMALL = {
    "roberta": RobertaConfig(
        vocab_size=90, hidden_size=16, num_attention_heads=2, num_hidden_layers=1
    ),
    "t5": T5Config(vocab_size=90, d_model=16, d_kv=8, num_heads=2, num_layers=1, d_ff=8),
}
PLAIN = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"]


def made_static(similarity="cosine", max_length=LENGTH, seed=0):
    tokenizer = train_tokenizer(TEXTS * 3, vocabulary=400, max_length=max_length)
    generator = torch.Generator().manual_seed(seed)
    return static_encoder(tokenizer, dimensions=16, similarity=similarity, generator=generator)


@pytest.fixture(scope="session")
def pretrained(minilm):
    return transformer_encoder(str(minilm), max_length=LENGTH)


@pytest.fixture(params=["static", "transformer"])
def encoder(request, pretrained):
    return made_static() if request.param == "static" else pretrained


@pytest.fixture(scope="session")
def plain_folder(minilm, tmp_path_factory):
    """The same weights as Hugging Face saves them: no modules.json, no pooling."""
    folder = tmp_path_factory.mktemp("plain")
    for name in PLAIN:
        shutil.copy(Path(minilm) / name, folder / name)
    return folder


def test_vectors_are_those_of_sentence_transformers(encoder):
    ours = encoder.encode_all(encoder.tokenize(TEXTS))
    theirs = torch.from_numpy(encoder.sentence_transformer().encode(TEXTS))
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


def test_chunks_give_the_vectors_of_one_plain_forward(encoder):
    encoder.model.eval()
    tokens = encoder.tokenize(TEXTS)
    whole = encoder.model(encoder.features(tokens))["sentence_embedding"]
    torch.testing.assert_close(encoder.encode(tokens), whole, atol=1e-6, rtol=0)


def test_chunks_give_the_gradient_of_one_plain_forward(encoder):
    encoder.model.eval()
    tokens = encoder.tokenize(TEXTS)
    wanted = torch.linspace(-1, 1, len(TEXTS)).unsqueeze(1)
    parameter = next(encoder.model.parameters())
    gradients = []
    for vectors in (
        encoder.encode(tokens),
        encoder.model(encoder.features(tokens))["sentence_embedding"],
    ):
        (gradient,) = torch.autograd.grad((vectors * wanted).sum(), parameter)
        gradients.append(gradient)
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("max_tokens_per_pass", [1, 64, 100_000])
def test_gradient_caching_changes_neither_vectors_nor_gradient(encoder, max_tokens_per_pass):
    encoder.model.eval()
    tokens = encoder.tokenize(TEXTS)
    found = []
    for bound in (None, max_tokens_per_pass):
        encoder.max_tokens_per_pass = bound
        vectors = encoder.encode(tokens)
        encoder.max_tokens_per_pass = None
        loss = (vectors @ vectors.T / 0.05).logsumexp(dim=1).mean()
        gradients = torch.autograd.grad(loss, list(encoder.model.parameters()), allow_unused=True)
        found.append((vectors, torch.cat([one.flatten() for one in gradients if one is not None])))
    (vectors, gradient), (same, again) = found
    torch.testing.assert_close(same, vectors, atol=1e-6, rtol=0)
    torch.testing.assert_close(again, gradient, atol=2e-5, rtol=1e-3)


def test_gradient_caching_draws_the_same_dropout_twice(pretrained):
    pretrained.model.train()
    tokens = pretrained.tokenize(TEXTS)
    one_group = tokens.take(np.argsort(tokens.lengths, kind="stable"))
    gradients = []
    for bound in (None, 10_000):
        torch.manual_seed(3)
        pretrained.max_tokens_per_pass = bound
        if bound is None:
            vectors = pretrained.model(pretrained.features(one_group))["sentence_embedding"]
        else:
            vectors = pretrained.encode(one_group)
        pretrained.max_tokens_per_pass = None
        gradients.append(torch.autograd.grad((vectors[0] @ vectors[-1]), weight_of(pretrained))[0])
    torch.testing.assert_close(*gradients, atol=1e-6, rtol=1e-4)
    assert gradients[0].abs().max() > 1e-3


def weight_of(encoder):
    """Return a weight of the first layer: its gradient went through every dropout."""
    return encoder.model[0].auto_model.encoder.layer[0].attention.self.query.weight


def activations_kept(work):
    """Return how many numbers autograd holds at once for a backward pass."""
    kept = []

    def pack(tensor):
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        work()
    return sum(kept)


def test_gradient_caching_holds_next_to_no_activations(pretrained):
    tokens = pretrained.tokenize(TEXTS * 4)
    plain = activations_kept(lambda: pretrained.encode(tokens))
    pretrained.max_tokens_per_pass = 64
    cached = activations_kept(lambda: pretrained.encode(tokens))
    pretrained.max_tokens_per_pass = None
    assert cached < plain / 20


def test_no_texts_have_no_vectors(encoder):
    assert encoder.encode_all(encoder.tokenize([])).shape == (0, encoder.dimensions)


def test_an_empty_text_has_a_finite_vector(encoder):
    assert encoder.encode_all(encoder.tokenize([""])).isfinite().all()


def test_texts_are_cut_at_the_maximum_length(encoder):
    lengths = encoder.tokenize(TEXTS).lengths
    assert lengths.max() == LENGTH
    assert lengths.argmax() == 4


def test_the_bound_on_a_pass_does_not_change_vectors(encoder):
    tokens = encoder.tokenize(TEXTS)
    torch.testing.assert_close(
        encoder.encode_all(tokens, max_tokens_per_pass=1),
        encoder.encode_all(tokens),
        atol=1e-6,
        rtol=0,
    )


def test_encoding_all_leaves_the_training_mode_as_it_was(encoder):
    for mode in (True, False):
        encoder.model.train(mode)
        encoder.encode_all(encoder.tokenize(["a"]))
        assert encoder.model.training is mode


def test_the_tokenizers_digest_does_not_change_with_use(encoder):
    before = encoder.tokenizer_digest()
    encoder.tokenize(TEXTS)
    encoder.sentence_transformer().encode(TEXTS)
    assert encoder.tokenizer_digest() == before


def test_an_exported_model_gives_the_same_vectors(encoder, tmp_path):
    (tmp_path / "model").mkdir()
    folder = export(encoder, tmp_path / "model", {"trial": "t0001"})
    loaded = SentenceTransformer(str(folder), device="cpu")
    theirs = torch.from_numpy(loaded.encode(TEXTS))
    ours = encoder.encode_all(encoder.tokenize(TEXTS))
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)
    assert "| trial | t0001 |" in (folder / "README.md").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("bound", [1, 7, 12, 1000])
def test_passes_stay_below_the_bound_unless_one_text_is_above(bound):
    lengths = np.array([3, 0, 5, 5, 2, 9])
    order = np.argsort(lengths, kind="stable")
    passes = _passes(order, lengths, bound)
    assert np.concatenate(passes).tolist() == order.tolist()
    assert all(
        len(rows) == 1 or len(rows) * max(lengths[rows].max(), 1) <= bound for rows in passes
    )


# --- the static encoder


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("parseHTTPHeader", "parse http header"),
        ("parse_http_header", "parse _ http _ header"),
        ("HTTPServer2Go", "http server 2 go"),
        ("a+=b", "a + = b"),
    ],
)
def test_identifiers_are_split_into_lower_case_words(text, words):
    corpus = ["parse http header server 2 go a + = b _"] * 5
    tokenizer = train_tokenizer(corpus, vocabulary=300, max_length=64)
    assert tokenizer.encode(text).tokens == words.split()


def test_case_parts_words_that_are_one_when_written_in_lower_case():
    tokenizer = train_tokenizer(["read file readfile"] * 5, vocabulary=300, max_length=64)
    assert tokenizer.encode("readfile").tokens == ["readfile"]
    assert tokenizer.encode("readFile").tokens == ["read", "file"]


def test_a_character_never_seen_is_unknown():
    tokenizer = train_tokenizer(["abc abc"], vocabulary=300, max_length=64)
    assert tokenizer.encode("z").tokens == ["[UNK]"]


def test_training_a_tokenizer_twice_gives_the_same():
    first, second = (train_tokenizer(TEXTS * 3, vocabulary=320, max_length=9) for _ in range(2))
    assert first.to_str() == second.to_str()


def test_the_vocabulary_is_bounded():
    corpus = [f"word{number} other{number * 7}" for number in range(500)] * 2
    assert train_tokenizer(corpus, vocabulary=300, max_length=9).get_vocab_size() <= 300


def test_the_digest_follows_the_maximum_length(minilm):
    assert made_static().tokenizer_digest() != made_static(max_length=9).tokenizer_digest()
    digests = {
        transformer_encoder(str(minilm), max_length=length).tokenizer_digest()
        for length in (16, 64, 256, 512)
    }
    assert len(digests) == 3  # the model itself ends at 256


def test_a_stored_tokenizer_has_the_same_digest(tmp_path):
    encoder = made_static()
    path = tmp_path / "tokenizer.json"
    path.write_text(encoder.sentence_transformer()[0].tokenizer.to_str())
    again = static_encoder(
        Tokenizer.from_file(str(path)),
        dimensions=16,
        similarity="cosine",
        generator=torch.Generator().manual_seed(0),
    )
    assert again.tokenizer_digest() == encoder.tokenizer_digest()


@pytest.mark.parametrize(("seed", "is_equal"), [(0, True), (1, False)])
def test_the_seed_draws_the_first_weights(seed, is_equal):
    weights = [next(made_static(seed=one).model.parameters()) for one in (0, seed)]
    assert torch.equal(*weights) is is_equal


@pytest.mark.parametrize(("similarity", "is_unit"), [("cosine", True), ("dot", False)])
def test_cosine_vectors_have_length_one_and_dot_vectors_their_own(similarity, is_unit, minilm):
    pretrained = transformer_encoder(str(minilm), similarity=similarity)
    for encoder in (made_static(similarity), pretrained):
        norm = encoder.encode_all(encoder.tokenize(["read a file"])).norm().item()
        assert (abs(norm - 1) < 1e-5) is is_unit
        assert encoder.sentence_transformer().similarity_fn_name == similarity


# --- pretrained folders


def test_a_sentence_transformers_folder_keeps_its_vectors(minilm):
    encoder = transformer_encoder(str(minilm))
    theirs = SentenceTransformer(str(minilm), device="cpu").encode(TEXTS)
    ours = encoder.encode_all(encoder.tokenize(TEXTS))
    torch.testing.assert_close(ours, torch.from_numpy(theirs), atol=1e-6, rtol=0)


def test_a_plain_folder_is_pooled_by_the_mean(plain_folder, pretrained):
    encoder = transformer_encoder(str(plain_folder), max_length=LENGTH)
    torch.testing.assert_close(
        encoder.encode_all(encoder.tokenize(TEXTS)),
        pretrained.encode_all(pretrained.tokenize(TEXTS)),
        atol=1e-6,
        rtol=0,
    )


def test_a_plain_folder_is_cut_where_the_model_ends(plain_folder):
    assert transformer_encoder(str(plain_folder), max_length=4000).tokenize(
        ["a " * 600]
    ).lengths == [512]


@pytest.mark.parametrize("pooling", ["cls", "pooler", "mean"])
@pytest.mark.parametrize("layout", ["plain_folder", "minilm"])
def test_pooling_is_that_of_hugging_face(pooling, layout, plain_folder, request):
    encoder = transformer_encoder(
        str(request.getfixturevalue(layout)), pooling=pooling, similarity="dot", max_length=LENGTH
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
    encoder = transformer_encoder(str(plain_folder), pooling="pooler")
    encoder.encode(encoder.tokenize(["a"])).sum().backward()
    heads = [p for n, p in encoder.model.named_parameters() if n.endswith("linear.weight")]
    assert len(heads) == 1
    assert heads[0].grad.abs().sum() > 0
    folder = export(encoder, tmp_path / "model", {})
    stored = [load_file(path) for path in folder.glob("*_Dense/*.safetensors")]
    torch.testing.assert_close(stored[0]["linear.weight"], heads[0].detach())


def test_a_model_without_a_pooler_is_refused_with_a_way_out(tmp_path):
    AutoModel.from_config(
        DistilBertConfig(dim=8, hidden_dim=8, n_heads=2, n_layers=1)
    ).save_pretrained(tmp_path)
    BertTokenizerFast(
        vocab={"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "[PAD]": 3, "a": 4}
    ).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="has no pooler; use cls or mean"):
        transformer_encoder(str(tmp_path), pooling="pooler")


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


def test_bags_travel_flat_with_their_starts():
    encoder = made_static()
    features = encoder.features(ragged([[1, 2], [], [3]]))
    assert features["offsets"].tolist() == [0, 2, 2]
