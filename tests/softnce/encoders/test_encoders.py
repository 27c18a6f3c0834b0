"""All encoders by one contract: vectors, chunks, gradients, and what an export keeps."""

import copy

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from softnce.encoders.encoder import _passes
from softnce.export import export
from softnce.ragged import ragged
from tests.softnce.encoders.made_encoders import LENGTH, TEXTS, made_static


def test_vectors_are_those_of_sentence_transformers(encoder):
    ours = encoder.encode_all(encoder.tokenize(TEXTS))
    theirs = torch.from_numpy(encoder.sentence_transformer().encode_query(TEXTS))
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


def test_equal_texts_are_encoded_once_and_alike_to_the_last_bit(encoder, monkeypatch):
    tokens = encoder.tokenize([*TEXTS, *reversed(TEXTS)])
    read, forward = [], encoder._forward

    def counted(some):
        read.append(len(some))
        return forward(some)

    monkeypatch.setattr(encoder, "_forward", counted)
    found = encoder.encode_all(tokens, max_tokens_per_pass=1)
    assert sum(read) == len({row.tobytes() for row in map(tokens.row, range(len(tokens)))})
    assert torch.equal(found[: len(TEXTS)], found[len(TEXTS) :].flip(0))


def test_chunks_give_the_vectors_of_one_plain_forward(encoder):
    encoder.model.eval()
    tokens = encoder.tokenize(TEXTS)
    whole = encoder.model(encoder.features(tokens))["sentence_embedding"]
    torch.testing.assert_close(encoder.encode(tokens), whole, atol=1e-6, rtol=0)


def test_chunks_give_the_gradient_of_one_plain_forward(encoder):
    encoder.model.eval()
    tokens = encoder.tokenize(TEXTS)
    wanted = torch.linspace(-1, 1, len(TEXTS)).unsqueeze(1)
    parameter = max(encoder.model.parameters(), key=torch.numel)  # of the words
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
    torch.testing.assert_close(same, vectors, atol=5e-6, rtol=0)
    torch.testing.assert_close(again, gradient, atol=2e-5, rtol=1e-3)


def test_gradient_caching_draws_the_same_dropout_twice(pretrained, monkeypatch):
    pretrained.model.train()
    tokens = pretrained.tokenize(TEXTS)
    pretrained.max_tokens_per_pass = 2 * int(tokens.lengths.max())
    passes = pretrained._groups(tokens.lengths)
    assert len(passes) > 1
    monkeypatch.setattr(pretrained, "chunks", lambda _: passes)
    gradients = []
    for bound in (None, pretrained.max_tokens_per_pass):
        torch.manual_seed(3)
        pretrained.max_tokens_per_pass = bound
        vectors = pretrained.encode(tokens)
        pretrained.max_tokens_per_pass = None
        parameter = next(pretrained.model.parameters())
        (gradient,) = torch.autograd.grad((vectors @ vectors.T).logsumexp(dim=1).sum(), parameter)
        gradients.append(gradient)
    pretrained.model.eval()
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-3)


def test_layers_that_compute_again_change_neither_vectors_nor_gradient(small):
    for encoder in small.values():
        copied = copy.deepcopy(encoder)
        copied.model.train()
        for module in copied.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        tokens, found = copied.tokenize(TEXTS), []
        for is_again in (False, True):
            if is_again:
                copied.checkpoint_layers()
            vectors = copied.encode(tokens)
            parameters = [one for one in copied.model.parameters() if one.requires_grad]
            loss = (vectors @ vectors.T).logsumexp(dim=1).sum()
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
            kept = [one.flatten() for one in gradients if one is not None]
            found.append((vectors, torch.cat(kept)))
        (vectors, gradient), (same, again) = found
        torch.testing.assert_close(same, vectors, atol=1e-6, rtol=0)
        torch.testing.assert_close(again, gradient, atol=1e-5, rtol=1e-3)


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
    theirs = torch.from_numpy(loaded.encode_query(TEXTS))
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


def test_bags_travel_flat_with_their_starts():
    encoder = made_static()
    features = encoder.features(ragged([[1, 2], [], [3]]))
    assert features["offsets"].tolist() == [0, 2, 2]
