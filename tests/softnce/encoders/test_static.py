"""The static encoder's words: how identifiers are split, and a tokenizer's digest."""

import pytest
import torch
from tokenizers import Tokenizer

from softnce.encoders.options import PretrainedOptions
from softnce.encoders.static import static_encoder, train_tokenizer
from softnce.encoders.transformer import transformer_encoder
from tests.softnce.encoders.made_encoders import TEXTS, made_static

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
        transformer_encoder(str(minilm), PretrainedOptions(max_length=length)).tokenizer_digest()
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
    pretrained = transformer_encoder(str(minilm), PretrainedOptions(similarity=similarity))
    for encoder in (made_static(similarity), pretrained):
        norm = encoder.encode_all(encoder.tokenize(["read a file"])).norm().item()
        assert (abs(norm - 1) < 1e-5) is is_unit
        assert encoder.sentence_transformer().similarity_fn_name == similarity
