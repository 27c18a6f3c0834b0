"""An evaluation by the first numbers of a model's vectors."""

import pytest
import torch
from sentence_transformers import SentenceTransformer

import softnce
from softnce.data.pairs import read_pairs
from softnce.errors import ConfigError
from softnce.evaluation.ranking import ranks
from softnce.export import export
from tests.softnce.encoders.made_encoders import made_static


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return export(made_static(), tmp_path_factory.mktemp("models") / "small", {})


def test_each_size_is_ranked_as_sentence_transformers_cuts(model, made_pairs):
    found = softnce.evaluate(model, made_pairs, dimensions=[4, 8, 4])
    assert list(found.cut) == [8, 4]
    pairs = read_pairs(made_pairs)
    for size, name in found.cut.items():
        cut = SentenceTransformer(str(model), device="cpu", truncate_dim=size)
        codes = cut.encode_document(list(pairs.candidates), convert_to_tensor=True)
        queries = cut.encode_query(list(pairs.test.texts), convert_to_tensor=True)
        queries, codes = (torch.nn.functional.normalize(one, dim=1) for one in (queries, codes))
        wanted = (1 / ranks(queries, codes, torch.tensor(pairs.test.answers))).mean()
        assert found.results[name].whole.mrr.mean == pytest.approx(float(wanted), abs=1e-3)
    told = found.as_dict()["dimensions"]
    assert told[8]["mrr"] == found.results[found.cut[8]].whole.mrr.mean != found.mrr


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        ("MODEL", 16, "--dimensions 16: the vectors of .* have 16; give a smaller number"),
        ("bm25", 8, "--dimensions: bm25 has no vectors"),
        ("MODEL", 0, "dimensions 0: nothing is left"),
    ],
)
def test_a_size_that_is_no_cut_is_refused(model, made_pairs, name, size, said):
    with pytest.raises(ConfigError, match=said):
        softnce.evaluate(model if name == "MODEL" else name, made_pairs, dimensions=[size])
