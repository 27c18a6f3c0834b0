"""An exported model of data flow: softnce reads code with it, sentence-transformers as text."""

import pytest
import torch
from sentence_transformers import SentenceTransformer

from softnce.code_index.text_encoder import text_encoder
from softnce.encoders.options import SIDE_FILE, PretrainedOptions
from softnce.encoders.transformer import transformer_encoder
from softnce.errors import SetupError
from softnce.export import export
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


@pytest.mark.parametrize("content", ["{", "{}", '{"dataflow": "sideways"}'])
def test_a_damaged_note_is_refused_in_one_line(folder, content):
    (folder / SIDE_FILE).write_text(content)
    with pytest.raises(SetupError, match=r"dataflow\.json: damaged, or of another model"):
        open_model(str(folder))
