"""A packed pass gives what a padded one gives, and a model that cannot be packed stays padded."""

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import (
    AutoModel,
    BertConfig,
    BertTokenizerFast,
    DistilBertConfig,
    ModernBertConfig,
    MPNetConfig,
    RobertaConfig,
)

from softnce.encoders.options import PretrainedOptions
from softnce.encoders.packing.features import mean_of_rows, packed_features
from softnce.encoders.transformer import transformer_encoder
from softnce.export import export
from softnce.ragged import ragged

TEXTS = ["a b c", "", "c " * 40, "b", "a b " * 11]
SMALL = {"vocab_size": 90, "max_position_embeddings": 66}
LAYERS = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
SHAPE = {**SMALL, **LAYERS, "intermediate_size": 32}
CONFIGS = {
    "bert": BertConfig(**SHAPE),
    "roberta": RobertaConfig(**SHAPE),
    "distilbert": DistilBertConfig(**SMALL, dim=16, hidden_dim=32, n_heads=2, n_layers=2),
}


def saved(config, folder):
    """Write a model with random weights in Hugging Face's own layout."""
    torch.manual_seed(0)
    model = AutoModel.from_config(config)
    for parameter in model.parameters():  # as drawn, positions hardly matter
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    words = {"[UNK]": 0, "[PAD]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4, "b": 5, "c": 6}
    BertTokenizerFast(vocab=words).save_pretrained(folder)
    return str(folder)


def gradient(encoder, vectors):
    """Return the gradient of a loss in which every vector counts."""
    loss = (vectors @ vectors.T).logsumexp(dim=1).sum()
    found = torch.autograd.grad(loss, list(encoder.model.parameters()), allow_unused=True)
    return torch.cat([one.flatten() for one in found if one is not None])


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("kind", CONFIGS)
def test_packed_rows_have_the_vectors_and_gradient_of_padded_ones(tmp_path, kind, pooling):
    folder = saved(CONFIGS[kind], tmp_path)
    padded, packed = (
        transformer_encoder(folder, PretrainedOptions(pooling=pooling, packing=packing))
        for packing in ("never", "always")
    )
    assert (padded.is_packed, packed.is_packed) == (False, True)
    tokens = padded.tokenize([*TEXTS, *TEXTS[::-1]])  # neighbours of one length in the middle
    found = []
    for encoder in (padded, packed):
        encoder.model.eval()
        vectors = encoder.encode(tokens)
        found.append((vectors, gradient(encoder, vectors)))
    torch.testing.assert_close(found[1][0], found[0][0], atol=2e-6, rtol=0)
    torch.testing.assert_close(found[1][1], found[0][1], atol=2e-5, rtol=1e-3)
    torch.testing.assert_close(
        packed.encode_all(tokens), padded.encode_all(tokens), atol=2e-6, rtol=0
    )


def test_a_packed_pass_holds_its_rows_alone(tmp_path):
    encoder = transformer_encoder(
        saved(CONFIGS["bert"], tmp_path), PretrainedOptions(packing="always")
    )
    tokens = encoder.tokenize(TEXTS)
    features = encoder.features(tokens)
    assert features["input_ids"].tolist() == [tokens.values.tolist()]
    assert features["cu_seq_lens_q"].tolist() == tokens.offsets.tolist()
    assert [len(group) for group in encoder.chunks(tokens.lengths)] == [5]


def test_attention_dropout_works_in_a_packed_pass(tmp_path):
    config = BertConfig(**SHAPE, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.5)
    encoder = transformer_encoder(saved(config, tmp_path), PretrainedOptions(packing="always"))
    tokens = encoder.tokenize(TEXTS)
    encoder.model.train()
    assert not torch.equal(encoder.encode(tokens), encoder.encode(tokens))
    encoder.model.eval()
    assert torch.equal(encoder.encode(tokens), encoder.encode(tokens))


def test_a_model_with_another_attention_stays_padded_and_as_it_was(tmp_path, caplog):
    caplog.set_level("INFO")
    folder = saved(MPNetConfig(**SHAPE), tmp_path)
    encoder = transformer_encoder(folder, PretrainedOptions(packing="always"))
    padded = transformer_encoder(folder, PretrainedOptions(packing="never"))
    tokens = encoder.tokenize(TEXTS)
    assert not encoder.is_packed
    assert "MPNetModel is padded, for it cannot be packed" in caplog.text
    assert torch.equal(encoder.encode_all(tokens), padded.encode_all(tokens))


def test_a_model_is_packed_only_while_no_text_is_longer_than_its_window(tmp_path, caplog):
    caplog.set_level("INFO")
    own = {"local_attention": 100, "pad_token_id": 1, "cls_token_id": 2, "sep_token_id": 3}
    shape = {**SHAPE, "max_position_embeddings": 90, "global_attn_every_n_layers": 2}
    folder = saved(ModernBertConfig(**shape, **own), tmp_path)
    texts = [*TEXTS, "b c " * 60]
    for longest, is_packed in {40: True, 90: False}.items():
        padded, packed = (
            transformer_encoder(folder, PretrainedOptions(packing=packing, max_length=longest))
            for packing in ("never", "always")
        )
        assert packed.is_packed == is_packed
        tokens = padded.tokenize(texts)
        vectors = [encoder.encode_all(tokens) for encoder in (padded, packed)]
        torch.testing.assert_close(*vectors, atol=2e-6, rtol=0)
    assert "it attends within 51 tokens of a longer text" in caplog.text


def test_a_row_without_tokens_counts_for_nothing(tmp_path):
    encoder = transformer_encoder(
        saved(CONFIGS["bert"], tmp_path), PretrainedOptions(packing="always")
    )
    encoder.model.eval()
    rows = [[2, 4, 3], [], [2, 5, 3]]
    vectors = encoder.encode(ragged(rows))
    torch.testing.assert_close(vectors[::2], encoder.encode(ragged(rows[::2])))
    assert vectors[1].tolist() == [0.0] * 16


@pytest.mark.parametrize("packing", ["auto", "always"])
def test_the_choice_is_made_in_the_mode_it_found_the_model_in(tmp_path, packing):
    encoder = transformer_encoder(
        saved(CONFIGS["bert"], tmp_path), PretrainedOptions(packing=packing)
    )
    encoder.model.train()
    assert encoder.is_packed
    assert encoder.model.training


def test_on_the_cpu_rows_are_packed_while_training_alone(minilm):
    encoder = transformer_encoder(str(minilm))
    padded = transformer_encoder(str(minilm), PretrainedOptions(packing="never"))
    tokens = encoder.tokenize(["def one(): return 1", "", "the first", "read " * 80])
    for one in (encoder, padded):
        one.model.eval()
    assert not encoder.is_packed
    assert torch.equal(encoder.encode(tokens), padded.encode(tokens))
    for part in [part for one in (encoder, padded) for part in one.model.modules()]:
        part.train()
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
        if hasattr(part, "dropout_prob"):
            part.dropout_prob = 0.0
    assert (encoder.is_packed, padded.is_packed) == (True, False)
    torch.testing.assert_close(encoder.encode(tokens), padded.encode(tokens), atol=2e-6, rtol=0)
    assert torch.equal(encoder.encode_all(tokens), padded.encode_all(tokens))


def test_on_the_cpu_compiled_layers_stay_padded(tmp_path):
    encoder = transformer_encoder(saved(CONFIGS["bert"], tmp_path))
    encoder.model.train()
    encoder.compile_layers()
    assert not encoder.is_packed


def test_a_packed_model_is_exported_as_one_that_knows_nothing_of_it(tmp_path):
    encoder = transformer_encoder(
        saved(CONFIGS["roberta"], tmp_path / "in"), PretrainedOptions(packing="always")
    )
    vectors = encoder.encode_all(encoder.tokenize(TEXTS))
    (tmp_path / "out").mkdir()
    folder = export(encoder, tmp_path / "out", {})
    assert not [path for path in folder.rglob("*.json") if "packed" in path.read_text()]
    theirs = SentenceTransformer(str(folder), device="cpu").encode(TEXTS)
    torch.testing.assert_close(vectors, torch.from_numpy(theirs), atol=2e-6, rtol=0)


def test_passes_of_like_length_have_one_size_and_the_same_vectors(tmp_path):
    """So that a GPU meets few sizes; the rows that fill a pass up change no vector."""
    encoder = transformer_encoder(
        saved(CONFIGS["roberta"], tmp_path), PretrainedOptions(packing="always")
    )
    encoder.model.eval()
    sizes = set()
    for count in range(20, 30):
        tokens = encoder.tokenize(["a b c a"] * count)
        wanted = encoder.encode(tokens)
        filled_up = packed_features(tokens, first_position=2, device=torch.device("cpu"))
        sizes.add(filled_up["input_ids"].shape[1])
        vectors = encoder._passed(filled_up)
        assert len(vectors) > count
        torch.testing.assert_close(vectors[:count], wanted)
    assert sizes == {128, 192}


def test_with_a_bound_passes_of_one_size_differ_in_nothing_but_their_values():
    """As a recorded CUDA graph needs them: no row longer than the bound, none empty."""
    draw = np.random.default_rng(0)
    shapes = set()
    for _ in range(200):
        lengths = draw.integers(1, 40, size=64)
        tokens = ragged([[5] * length for length in lengths])
        found = packed_features(tokens, first_position=2, device=torch.device("cpu"), most=40)
        rows = found["cu_seq_lens_q"].diff()
        assert rows[:64].tolist() == lengths.tolist()
        assert rows.min() >= 1
        assert rows.max() <= 40
        assert found["position_ids"].max() == rows.max() + 1
        shapes.add((found["input_ids"].shape, len(rows), found["max_length_q"]))
    assert len({shape[0] for shape in shapes}) == len(shapes) <= 12


def test_the_mean_of_packed_rows_asks_the_device_nothing():
    class Silent(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            assert func is not torch.ops.aten._local_scalar_dense.default
            return func(*args, **(kwargs or {}))

    features = {
        "token_embeddings": torch.tensor([[[1.0, 2.0], [3.0, 4.0], [7.0, 8.0]]]),
        "cu_seq_lens_q": torch.tensor([0, 2, 3], dtype=torch.int32),
        "seq_idx": torch.tensor([[0, 0, 1]]),
    }
    with Silent():
        means = mean_of_rows(features)
    assert means.tolist() == [[2.0, 3.0], [7.0, 8.0]]


def test_a_model_stored_in_half_precision_is_trained_in_single_precision(tmp_path):
    """Or AdamW's small steps round to nothing, and its squares to zero."""
    folder = saved(CONFIGS["bert"], tmp_path / "whole")
    AutoModel.from_pretrained(folder).half().save_pretrained(tmp_path / "half")
    BertTokenizerFast.from_pretrained(folder).save_pretrained(tmp_path / "half")
    stored = AutoModel.from_pretrained(tmp_path / "half", dtype="auto")
    assert stored.dtype == torch.float16
    weights = transformer_encoder(str(tmp_path / "half")).model.parameters()
    assert {one.dtype for one in weights} == {torch.float32}


@pytest.mark.long
def test_compiled_layers_have_the_vectors_and_gradient_of_the_others(tmp_path):
    encoder = transformer_encoder(
        saved(CONFIGS["roberta"], tmp_path), PretrainedOptions(packing="never")
    )
    encoder.model.eval()
    tokens = encoder.tokenize(TEXTS)
    found = []
    for _ in range(2):
        vectors = encoder.encode(tokens)
        found.append((vectors.detach(), gradient(encoder, vectors)))
        encoder.compile_layers()
    torch.testing.assert_close(found[1][0], found[0][0], atol=1e-5, rtol=0)
    torch.testing.assert_close(found[1][1], found[0][1], atol=1e-4, rtol=1e-3)
