"""An exported model of data flow: softnce reads code with it, sentence-transformers as text."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

import softnce
from softnce.code_index.text_encoder import text_encoder
from softnce.data.pairs import Pair
from softnce.diagnostics.requested import RequestedEstimators, compared_pairs, estimators
from softnce.encoders.options import SIDE_FILE, PretrainedOptions
from softnce.encoders.transformer import transformer_encoder
from softnce.errors import SetupError
from softnce.export import export
from softnce.inputs.hard_negatives import model_guide
from softnce.retrieval.open_model import open_model
from tests.softnce.encoders.small_models import CODES, small_roberta

PYTHON = ["python"] * len(CODES)
FLOW = PretrainedOptions(dataflow="fixed", max_length=40, dataflow_nodes=20)


def heard(*_):
    """Hear of progress."""


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return transformer_encoder(str(small_roberta(tmp_path_factory.mktemp("roberta"))), FLOW)


@pytest.fixture
def folder(encoder, tmp_path):
    return export(encoder, tmp_path / "model", {})


def test_softnce_reads_code_with_its_data_flow_and_others_as_text(encoder, folder):
    wanted = encoder.encode_all(encoder.tokenize(CODES, side="code", languages=PYTHON))
    model = open_model(str(folder))
    found = model.codes(CODES, heard, languages=PYTHON)
    torch.testing.assert_close(found.cpu(), wanted, atol=1e-5, rtol=0)
    text = model.codes(CODES, heard).cpu()
    theirs = SentenceTransformer(str(folder), device="cpu").encode_document(CODES)
    torch.testing.assert_close(text, torch.from_numpy(theirs), atol=1e-5, rtol=0)
    assert not torch.allclose(text, wanted, atol=1e-3)


def test_an_index_of_code_reads_each_function_in_its_language(encoder, folder):
    index = text_encoder(str(folder), "model")
    wanted = encoder.encode_all(encoder.tokenize(CODES, side="code", languages=PYTHON))
    assert abs(index.codes(CODES, PYTHON) - wanted.numpy()).max() < 1e-5
    queries = encoder.encode_all(encoder.tokenize(["read a file"]))
    assert abs(index.query("read a file") - queries[0].numpy()).max() < 1e-5


def test_another_way_to_read_code_is_another_model(folder):
    with_flow = open_model(str(folder)).digest()
    (folder / SIDE_FILE).unlink()
    assert open_model(str(folder)).digest() != with_flow


LONG = '{"dataflow": "fixed", "max_length": 4000, "dataflow_nodes": 9}'


@pytest.mark.parametrize("content", ["{", "{}", "[]", '{"dataflow": "sideways"}', LONG])
def test_a_damaged_note_is_refused_in_one_line(folder, content):
    (folder / SIDE_FILE).write_text(content)
    with pytest.raises(SetupError, match=r"dataflow\.json: damaged, or of another model"):
        open_model(str(folder))


def test_who_asks_the_model_for_scores_has_those_of_its_data_flow(encoder, folder):
    """Hard negatives are mined, and weights shown, by the vectors that a search would find."""
    pairs = [Pair("add numbers", code, str(row), "python") for row, code in enumerate(CODES)]
    queries = encoder.encode_all(encoder.tokenize([pair.query for pair in pairs]))
    codes = encoder.encode_all(encoder.tokenize(CODES, side="code", languages=PYTHON))
    wanted = torch.nn.functional.cosine_similarity(queries[:, None], codes[None], dim=2)
    rows = np.arange(len(pairs))
    scores = model_guide(pairs, str(folder))(rows)
    torch.testing.assert_close(scores, wanted, atol=1e-5, rtol=0)
    texts = compared_pairs(pairs)
    (built,) = estimators(
        RequestedEstimators(models=[str(folder)]),
        replace(texts, documents=texts.codes),
    )
    rows = torch.from_numpy(rows)
    torch.testing.assert_close(built.relevance(rows, rows), wanted, atol=1e-5, rtol=0)


def test_a_model_of_the_hub_reads_code_with_its_data_flow(encoder, folder, tmp_path, monkeypatch):
    repository, revision = tmp_path / "hub" / "models--small--flow", "a" * 40
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(revision)
    (repository / "snapshots").mkdir()
    folder.rename(repository / "snapshots" / revision)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    wanted = encoder.encode_all(encoder.tokenize(CODES, side="code", languages=PYTHON))
    found = open_model("small/flow").codes(CODES, heard, languages=PYTHON)
    torch.testing.assert_close(found.cpu(), wanted, atol=1e-5, rtol=0)


def test_an_evaluation_says_which_codes_it_has_read_as_text(folder, tmp_path):
    rows = [
        {"query": f"do thing {row}", "code": f"def f{row}(a):\n    return a", "id": str(row)}
        for row in range(12)
    ]
    data = tmp_path / "pairs.jsonl"
    data.write_text("\n".join(map(json.dumps, rows)))
    silent = softnce.evaluate(folder, data, split="all", settings=["data.language=python"])
    told = softnce.evaluate(folder, data, split="all")
    assert not [note for note in silent.notes if "as text" in note]
    (note,) = [note for note in told.notes if "as text" in note]
    assert "12 in unknown (--set data.language=NAME" in note


def test_a_model_that_cannot_be_loaded_is_named_by_the_option_that_named_it():
    with pytest.raises(SetupError, match=r"^--guide \./nowhere: there is no such folder"):
        model_guide([], "./nowhere")
    with pytest.raises(SetupError, match=r"^--model \./nowhere: there is no such folder"):
        list(estimators(RequestedEstimators(models=["./nowhere"]), compared_pairs([])))
