"""SimCSE on its default architecture, DistilBERT: it trains, caches, and heeds the mask."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import DistilBertConfig, DistilBertModel, PreTrainedTokenizerFast

from softnce.config.config import Config
from softnce.config.file import with_overrides
from softnce.config.sections.frozen_models import SimCSESection
from softnce.data.pairs import read_pairs
from softnce.inputs.estimators import build_estimator
from softnce.inputs.frozen_models import FROZEN_MODELS, is_cached, vectors_key
from softnce.inputs.frozen_vectors import cache_vectors
from softnce.inputs.prepare import prepare, simcse_encoder
from softnce.inputs.prepared import build_encoder
from softnce.ragged import ragged
from softnce.training.loop import epochs

MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SIZE = 24


def tokenizer(texts):
    words = sorted({word for text in texts for word in text.lower().replace(".", " .").split()})
    vocabulary = {word: number for number, word in enumerate([*MARKS, *words])}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {f"{mark.strip('[]').lower()}_token": mark for mark in MARKS}
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=64, **names)


@pytest.fixture(scope="module")
def pairs(made_pairs, tmp_path_factory):
    path = tmp_path_factory.mktemp("few") / "pairs.jsonl"
    path.write_text("\n".join(made_pairs.read_text().splitlines()[:60]))
    return read_pairs(path)


@pytest.fixture(scope="module", params=["hugging face", "sentence-transformers"])
def distilbert(request, pairs, tmp_path_factory):
    """A folder with a tiny DistilBERT of random weights, in either layout of the hub."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("distilbert")
    words = tokenizer([pair.query for pair in pairs.train])
    shape = {"dim": SIZE, "hidden_dim": 32, "n_heads": 2, "n_layers": 2}
    config = DistilBertConfig(vocab_size=len(words), max_position_embeddings=64, **shape)
    DistilBertModel(config).save_pretrained(folder / "plain")
    words.save_pretrained(folder / "plain")
    if request.param == "hugging face":
        return folder / "plain"
    transformer = Transformer(str(folder / "plain"))
    whole = SentenceTransformer(modules=[transformer, Pooling(SIZE, "mean")], device="cpu")
    whole.save(str(folder / "whole"))
    return folder / "whole"


def config_with(distilbert, **simcse):
    settings = {"model": str(distilbert), "batch_size": 8, "epochs": 2, "max_length": 16}
    base = {
        "data": {"path": "pairs.jsonl"},
        "encoder": {"dimensions": 16, "vocabulary": 300, "max_length": 32},
        "optim": {"epochs": 1, "batch_size": 16, "learning_rate": 0.02},
        "weights": {"estimator": "simcse", "simcse": settings | simcse},
    }
    return Config.model_validate(base)


def test_it_trains_and_its_vectors_are_cached_and_used(distilbert, pairs, tmp_path):
    config = config_with(distilbert)
    prepared = prepare(config, pairs, tmp_path / "cache", tell=lambda _: None)
    prepared = replace(prepared, vectors={"simcse": vectors_key("simcse", config, prepared)})
    assert not is_cached("simcse", prepared)
    own, inputs = (
        FROZEN_MODELS["simcse"].configured(config),
        FROZEN_MODELS["simcse"].inputs(prepared),
    )
    reports = list(epochs(own, inputs, tmp_path / "simcse"))
    assert reports[1]["loss"] < reports[0]["loss"]
    cache_vectors("simcse", own, inputs, tmp_path / "simcse")
    assert is_cached("simcse", prepared)
    vectors = prepared.frozen_vectors("simcse", "queries")
    assert vectors.shape == (len(pairs.train), SIZE)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    (report,) = epochs(config, prepared, tmp_path / "student")
    assert np.isfinite(report["loss"])
    assert report["weight_spread"] > 0
    estimator = build_estimator(config.weights, prepared, torch.device("cpu"))
    rows = torch.arange(5)
    torch.testing.assert_close(estimator.relevance(rows, rows).diagonal(), torch.ones(5))


def encoder_of(distilbert):
    section = SimCSESection(model=str(distilbert), max_length=16)
    encoder = build_encoder(simcse_encoder(section), distilbert, seed=0)
    encoder.model.eval()
    return encoder


@torch.no_grad()
def test_padding_changes_no_vector(distilbert):
    encoder = encoder_of(distilbert)
    rows = [[2, 7, 3], [2, *range(5, 17), 3], [2, 8, 9, 6, 3]]
    features = encoder.features(ragged(rows))
    assert features["attention_mask"].sum(dim=1).tolist() == [3, 14, 5]
    together = encoder.model(features)["sentence_embedding"]
    for row, vector in zip(rows, together, strict=True):
        alone = encoder.model(encoder.features(ragged([row])))["sentence_embedding"][0]
        torch.testing.assert_close(vector, alone, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_a_vector_is_the_masked_mean_of_the_last_layer(distilbert):
    encoder, rows = encoder_of(distilbert), [[2, 7, 3], [2, *range(5, 17), 3]]
    found = encoder.model(encoder.features(ragged(rows)))["sentence_embedding"]
    ids = torch.tensor([rows[0] + [0] * 11, rows[1]])
    mask = (ids != 0).long()
    folder = distilbert if (distilbert / "config.json").exists() else distilbert / "0_Transformer"
    plain = DistilBertModel.from_pretrained(folder).eval()
    last = plain(ids, attention_mask=mask).last_hidden_state
    mean = (last * mask.unsqueeze(2)).sum(dim=1) / mask.sum(dim=1, keepdim=True)
    torch.testing.assert_close(found, torch.nn.functional.normalize(mean, dim=1))
    unmasked = plain(ids).last_hidden_state.mean(dim=1)  # what the paper's code does
    assert not torch.allclose(found[0], torch.nn.functional.normalize(unmasked, dim=1)[0], 1e-2)


def test_texts_are_cut_to_the_length_that_is_requested(distilbert):
    tokens = encoder_of(distilbert).tokenize(["read every file " * 20, "read"])
    assert tokens.lengths.tolist() == [16, 3]
    assert (tokens.row(0)[0], tokens.row(0)[-1]) == (2, 3)


def test_another_base_is_another_simcse(distilbert, pairs, tmp_path):
    config = config_with(distilbert)
    prepared = prepare(config, pairs, tmp_path / "cache", tell=lambda _: None)
    other = with_overrides(config, {"weights/simcse/model": "another/model"})
    keys = {vectors_key("simcse", one, prepared) for one in (config, other)}
    assert len(keys) == 2
