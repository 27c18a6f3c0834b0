"""Codes by the contract of all encoders, and what tells them from queries."""

import json

import pytest
import torch
from sentence_transformers import SentenceTransformer

from softnce.encoders.options import SIDE_FILE, PretrainedOptions
from softnce.encoders.transformer import transformer_encoder
from softnce.export import export
from softnce.ragged import joined
from tests.softnce.encoders.conftest import SMALL
from tests.softnce.encoders.made_encoders import LENGTH
from tests.softnce.encoders.small_models import CODES, MODE

EDGES = ["", "def f(:\n  ))) a = = b", "x = y\n" * 200, "\x00 \u2028", *CODES]
LANGUAGES = ["python"] * len(EDGES)


def tokens_of(encoder, texts=EDGES, languages=LANGUAGES):
    return encoder.tokenize(texts, side="code", languages=languages[: len(texts)])


def test_a_codes_vector_depends_neither_on_its_batch_nor_on_padding(encoder):
    together = encoder.encode_all(tokens_of(encoder))
    alone = [encoder.encode_all(tokens_of(encoder, [one])) for one in EDGES]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)
    assert together.isfinite().all()


def test_half_precision_depends_on_the_batch_by_no_more_than_it_rounds(encoder):
    with torch.autocast("cpu", torch.bfloat16):
        together = encoder.encode_all(tokens_of(encoder))
        alone = [encoder.encode_all(tokens_of(encoder, [one])) for one in EDGES]
    slack = 5e-3 * max(1.0, float(together.norm(dim=1).max()))  # of vectors of length 1
    torch.testing.assert_close(together, torch.cat(alone), atol=slack, rtol=0)


def test_a_batch_of_queries_and_codes_gives_the_vectors_of_each(encoder):
    encoder.model.eval()
    queries, codes = encoder.tokenize(CODES), tokens_of(encoder)
    wanted = torch.cat([encoder.encode_all(one) for one in (queries, codes)])
    with torch.no_grad():
        found = encoder.encode(joined(queries, codes))
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_gradient_caching_reads_codes_as_a_plain_pass_does(encoder):
    encoder.model.eval()
    tokens, found = tokens_of(encoder), []
    for bound in (None, 30):
        encoder.max_tokens_per_pass = bound
        vectors = encoder.encode(tokens)
        encoder.max_tokens_per_pass = None
        parameters = list(encoder.model.parameters())
        gradients = torch.autograd.grad(vectors[:, 0].sum(), parameters, allow_unused=True)
        found.append(torch.cat([one.flatten() for one in gradients if one is not None]))
    torch.testing.assert_close(*found, atol=2e-5, rtol=1e-3)


def test_weights_come_back_from_a_checkpoints_state(small):
    for encoder in small.values():
        state = {key: one.clone() for key, one in encoder.model.state_dict().items()}
        wanted = encoder.encode_all(tokens_of(encoder))
        with torch.no_grad():
            for one in encoder.model.parameters():
                one.add_(0.1)
        changed = encoder.encode_all(tokens_of(encoder))
        encoder.model.load_state_dict(state)
        assert not torch.allclose(changed, wanted, atol=1e-3)
        torch.testing.assert_close(encoder.encode_all(tokens_of(encoder)), wanted)


@pytest.mark.parametrize("name", SMALL)
def test_an_exported_model_reads_codes_as_ours_without_languages(small, name, tmp_path):
    encoder = small[name]
    folder = export(encoder, tmp_path / "model", {})
    theirs = torch.from_numpy(SentenceTransformer(str(folder), device="cpu").encode_document(CODES))
    ours = encoder.encode_all(tokens_of(encoder, CODES, []))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_an_exported_prefix_prompt_and_length_are_kept_when_it_is_trained_on(small, tmp_path):
    for name in ("last", "unixcoder"):
        folder = export(small[name], tmp_path / name, {})
        again = transformer_encoder(str(folder), PretrainedOptions(max_length=2 * LENGTH))
        for side in ("query", "code"):
            rows = [
                one.tokenize(CODES[3:], side=side).row(0).tolist() for one in (small[name], again)
            ]
            assert rows[0] == rows[1]
    ids = small["unixcoder"].tokenize(["a"], side="code").row(0).tolist()
    assert ids[:3] == [0, 4, 2]
    assert 4 in small["unixcoder"].special_ids()
    assert MODE not in small["cls"].sentence_transformer().tokenizer.get_added_vocab()


def test_only_codes_have_data_flow_and_only_in_a_known_language(small):
    encoder = small["graphcodebert"]
    assert encoder.reads_languages
    assert not any((encoder.tokenize(CODES).values < 0).tolist())
    assert not any((encoder.tokenize(CODES, side="code").values < 0).tolist())
    found = encoder.tokenize([CODES[0]] * 3, side="code", languages=["Python ", "", "cobol"])
    assert [bool((found.row(row) < 0).any()) for row in range(3)] == [True, False, False]


def test_many_codes_are_followed_in_parts_and_keep_their_order(small, monkeypatch):
    encoder = small["graphcodebert"]
    texts, languages = CODES * 3, ["python", "", "cobol", "python"] * 3
    wanted = [
        encoder.tokenize([text], side="code", languages=[language]).row(0).tolist()
        for text, language in zip(texts, languages, strict=True)
    ]
    monkeypatch.setattr("softnce.encoders.graphcodebert._AT_ONCE", 2)
    found = encoder.tokenize(texts, side="code", languages=languages)
    assert [found.row(row).tolist() for row in range(len(found))] == wanted


def test_data_flow_changes_a_vector(small):
    encoder = small["graphcodebert"]
    flow, text = (tokens_of(encoder, CODES[:1], languages) for languages in (["python"], []))
    vectors = [encoder.encode_all(one) for one in (flow, text)]
    assert not torch.allclose(*vectors, atol=1e-3)


def test_a_code_is_cut_so_that_its_nodes_have_room(small):
    encoder = small["graphcodebert"]
    tokens = tokens_of(encoder)
    assert encoder.lengths(tokens).max() <= 2 * LENGTH + 20
    assert encoder.lengths(tokens).tolist()[0] == 2
    assert (tokens.row(2) >= 0).sum() == 2 * LENGTH


def test_how_code_was_read_lies_beside_the_model(small, tmp_path):
    folder = export(small["graphcodebert"], tmp_path / "model", {})
    assert json.loads((folder / SIDE_FILE).read_text())["dataflow"] == "fixed"


def test_another_mode_or_size_is_another_token_table(roberta_folder):
    options = [
        {"dataflow": "fixed"}, {"dataflow": "official"}, {"dataflow": "fixed", "dataflow_nodes": 9},
        {}, {"query_max_length": 12}, {"query_prompt": "find "},
    ]  # fmt: skip
    made = [PretrainedOptions(max_length=40, **one) for one in options]
    digests = [transformer_encoder(str(roberta_folder), one).tokenizer_digest() for one in made]
    assert len(set(digests)) == len(options)
