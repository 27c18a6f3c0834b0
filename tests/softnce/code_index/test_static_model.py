"""A static model without torch gives the vectors that sentence-transformers gives."""

import json
import shutil

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from softnce.code_index.static_model import static_model
from softnce.encoders.static import static_encoder, train_tokenizer
from softnce.export import export

TEXTS = ["read a table", "", "   ", "def connect(self, host):\n" * 60, "parseHTTPHeader", "é ß 中"]


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_vectors_are_those_of_sentence_transformers(tmp_path, similarity):
    tokenizer = train_tokenizer(TEXTS * 9, vocabulary=300, max_length=32)
    generator = torch.Generator().manual_seed(1)
    encoder = static_encoder(tokenizer, dimensions=12, similarity=similarity, generator=generator)
    export(encoder, tmp_path / "model", {})
    found = static_model(tmp_path / "model")
    wanted = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    assert found.similarity == similarity
    np.testing.assert_allclose(found.vectors(TEXTS), wanted.encode_document(TEXTS), atol=1e-6)
    many = TEXTS * 99
    np.testing.assert_allclose(found.vectors(many), wanted.encode_query(many), atol=1e-6)


def test_other_models_prompts_and_damage_are_left_to_the_general_reader(
    tmp_path, static_folder, minilm
):
    assert static_model(static_folder) is not None
    assert static_model(minilm) is None
    assert static_model(tmp_path) is None
    for name, change in {
        "prompt": {"prompts": {"query": "search: ", "document": ""}},
        "similarity": {"similarity_fn_name": "euclidean"},
    }.items():
        folder = shutil.copytree(static_folder, tmp_path / name)
        path = folder / "config_sentence_transformers.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
        assert static_model(folder) is None
    torn = shutil.copytree(static_folder, tmp_path / "torn")
    (torn / "tokenizer.json").write_text("{")
    assert static_model(torn) is None


def test_the_digest_follows_the_weights_and_the_tokenizer(tmp_path, static_folder):
    first = static_model(static_folder).digest
    copied = shutil.copytree(static_folder, tmp_path / "copied")
    assert static_model(copied).digest == first
    path = copied / "tokenizer.json"
    rules = json.loads(path.read_text())
    rules["truncation"]["max_length"] = 7
    path.write_text(json.dumps(rules))
    assert static_model(copied).digest != first
