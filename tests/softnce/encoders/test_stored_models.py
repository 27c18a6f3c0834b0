"""Models that are only asked for vectors: whatever sentence-transformers reads, as it says."""

import json

from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Router
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

from softnce.encoders.transformer import stored_encoder
from softnce.retrieval.open_model import open_model


def test_a_model_with_a_transformer_for_each_side_is_opened(roberta_folder, tmp_path):
    """Its router has a tokenizer, and no table of token vectors of its own."""
    sides = [[Transformer(str(roberta_folder)), Pooling(32)] for _ in range(2)]
    router = Router.for_query_document(query_modules=sides[0], document_modules=sides[1])
    SentenceTransformer(modules=[router], device="cpu").save(str(tmp_path / "asymmetric"))
    vectors = open_model(str(tmp_path / "asymmetric")).codes(["x = 1"], lambda *_: None)
    assert vectors.shape == (1, 32)


def test_texts_are_cut_where_the_folder_says(roberta_folder, tmp_path):
    model = SentenceTransformer(modules=[Transformer(str(roberta_folder)), Pooling(32)])
    model.max_seq_length = 300
    model[0].document_length, model[0].query_length = 290, 9
    model.save(str(tmp_path))
    stored = json.loads((tmp_path / "sentence_bert_config.json").read_text())
    assert stored["document_length"] == 290
    encoder, long = stored_encoder(str(tmp_path)), ["x = y " * 200]
    assert encoder.tokenize(long).lengths.tolist() == [9]
    assert encoder.tokenize(long, side="code").lengths.tolist() == [290]
