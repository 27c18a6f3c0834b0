"""The paper's encoders, against models of Hugging Face by the rules of METHOD C, at full size."""

import json

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from softnce.dataflow.extraction import extract
from softnce.encoders.transformer import transformer_encoder
from softnce.export import export
from tests.softnce.encoders.conftest import SMALL, of_preset
from tests.softnce.encoders.small_models import CODES, MODE

LONG = "total += item\n" * 200
TEXTS = ["", "read a file", CODES[0], CODES[3], LONG]


@pytest.fixture(scope="module")
def plain(roberta_folder):
    """Hugging Face's model and tokenizer of the same folder."""
    model = AutoModel.from_pretrained(roberta_folder).eval()
    return model, AutoTokenizer.from_pretrained(roberta_folder)


def pieces(tokenizer, text):
    return tokenizer.convert_tokens_to_ids(tokenizer.tokenize(text))


def output(model, ids):
    with torch.inference_mode():
        row = torch.tensor([ids])
        return model(input_ids=row, attention_mask=torch.ones_like(row))


def vectors(encoder, side):
    return encoder.encode_all(encoder.tokenize(TEXTS, side=side))


@pytest.mark.parametrize("side", ["query", "code"])
@pytest.mark.parametrize("preset", ["codebert-paper", "codebert-upstream"])
def test_codebert_is_its_pooler_over_200_tokens_unnormalised(preset, side, roberta_folder, plain):
    model, tokenizer = plain
    encoder = transformer_encoder(str(roberta_folder), of_preset(preset))
    rows = [[0, *pieces(tokenizer, text)[:198], 2] for text in TEXTS]
    wanted = torch.cat([output(model, row).pooler_output for row in rows])
    assert max(map(len, rows)) == 200
    torch.testing.assert_close(vectors(encoder, side), wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("side", "kept"), [("query", 124), ("code", 252)])
@pytest.mark.parametrize("preset", ["unixcoder-paper", "unixcoder-upstream"])
def test_unixcoder_is_the_mean_of_all_its_tokens_with_those_of_its_prefix(
    preset, side, kept, roberta_folder, plain
):
    model, tokenizer = plain
    encoder = transformer_encoder(str(roberta_folder), of_preset(preset))
    mode = tokenizer.get_vocab()[MODE]
    rows = [[0, mode, 2, *pieces(tokenizer, text)[:kept], 2] for text in TEXTS]
    assert max(map(len, rows)) == kept + 4
    wanted = torch.cat([output(model, row).last_hidden_state.mean(dim=1) for row in rows])
    if preset == "unixcoder-upstream":
        wanted = torch.nn.functional.normalize(wanted, dim=1)
    else:
        assert not torch.allclose(wanted.norm(dim=1), torch.ones(len(rows)), atol=0.1)
    torch.testing.assert_close(vectors(encoder, side), wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("preset", ["graphcodebert-paper", "graphcodebert-upstream"])
def test_graphcodebert_reads_128_tokens_of_a_query_and_320_places_of_a_code(
    preset, roberta_folder, plain
):
    model, tokenizer = plain
    encoder = transformer_encoder(str(roberta_folder), of_preset(preset))
    rows = [[0, *pieces(tokenizer, text)[:126], 2] for text in TEXTS]
    assert max(map(len, rows)) == 128
    wanted = torch.cat([output(model, row).pooler_output for row in rows])
    torch.testing.assert_close(vectors(encoder, "query"), wanted, atol=1e-5, rtol=0)
    flow = extract(LONG, "python", "official")
    assert len(flow.flows) > 64
    tokens = encoder.tokenize([LONG], side="code", languages=["python"])
    assert encoder.lengths(tokens).tolist() == [320]
    assert int((tokens.values >= 0).sum()) == 256


def test_a_presets_other_source_has_the_encoder_that_the_contract_is_asked_of():
    for model in ("codebert", "graphcodebert"):
        assert of_preset(f"{model}-paper") == of_preset(f"{model}-upstream")
    paper, upstream = of_preset("unixcoder-paper"), of_preset("unixcoder-upstream")
    assert (paper.similarity, upstream.similarity) == ("dot", "cosine")
    assert {"codebert", "unixcoder", "unixcoder, dot", "graphcodebert, official"} <= SMALL.keys()


@pytest.mark.parametrize("name", ["last", "last, padded right"])
def test_a_decoder_is_the_state_of_the_mark_that_ends_its_text(name, small, decoder_folder):
    encoder = small[name]
    model, tokenizer = AutoModel.from_pretrained(decoder_folder).eval(), encoder
    for side, prompt in (("query", SMALL[name].query_prompt or ""), ("code", "x = ")):
        rows = [tokenizer.tokenize([text], side=side).row(0).tolist() for text in TEXTS]
        bare = pieces(AutoTokenizer.from_pretrained(decoder_folder), prompt + TEXTS[1])
        assert rows[1] == [*bare, 2]
        assert all(row[-1] == 2 for row in rows)
        states = [output(model, row).last_hidden_state[:, -1] for row in rows]
        wanted = torch.nn.functional.normalize(torch.cat(states), dim=1)
        torch.testing.assert_close(vectors(encoder, side), wanted, atol=1e-5, rtol=0)


def test_prompts_and_lengths_are_stored_by_sentence_transformers_names(small, tmp_path):
    wanted = {
        "last, padded right": {"query": "find ", "document": "x = "},
        "unixcoder": {"query": f"{MODE}</s>", "document": f"{MODE}</s>"},
        "codebert": {"query": "", "document": ""},
    }
    for name, prompts in wanted.items():
        folder = export(small[name], tmp_path / name, {})
        stored = json.loads((folder / "config_sentence_transformers.json").read_text())
        assert stored["prompts"] == prompts
        assert stored["similarity_fn_name"] == SMALL[name].similarity
