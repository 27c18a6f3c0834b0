"""A real encoder and BM25 on real codes: the same numbers as sentence-transformers by hand."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense

import softnce
from softnce.data.judged.judged_set import SetOptions
from softnce.data.judged.read import read_evaluation_set
from softnce.errors import ConfigError, SetupError
from softnce.retrieval.comparison import notes_on_bm25, notes_on_models, signed
from softnce.retrieval.evaluation import Comparison, Interval
from softnce.retrieval.rankers import BM25
from softnce.retrieval.show import show, write_out
from softnce.retrieval.summary import Means
from softnce.retrieval.words import words


@pytest.fixture(scope="module")
def ruby(real_data):
    return real_data / "csn-ruby"


@pytest.fixture(scope="module")
def small(ruby, minilm):
    """MiniLM beside BM25 on 60 real functions."""
    return softnce.evaluate(minilm, ruby, compare=BM25, max_candidates=60)


def test_zero_shot_minilm_has_the_mrr_of_sentence_transformers_and_exact_ranking(
    small, ruby, minilm
):
    (set_,) = read_evaluation_set(ruby, SetOptions(max_candidates=60)).codebases
    model = SentenceTransformer(str(minilm), device="cpu")
    codes = model.encode([one.text for one in set_.codes.values()], convert_to_tensor=True)
    names = list(set_.codes)
    reciprocal = []
    for one in set_.queries:
        scores = (codes @ model.encode(one.text, convert_to_tensor=True)).tolist()
        own = scores[names.index(next(iter(one.grades)))]
        ties = sum(score == own for score in scores) - 1
        reciprocal.append(1 / (1 + sum(score > own for score in scores) + ties / 2))
    assert small.mrr == pytest.approx(float(np.mean(reciprocal)), abs=1e-4)
    assert small.judged.queries == len(reciprocal) == 30


def test_the_json_object_holds_the_interval_the_counts_and_the_rankers(small):
    found = json.loads(json.dumps(small.as_dict()))
    assert found["mrr_low"] < found["mrr"] < found["mrr_high"]
    assert (found["queries"], found["candidates"]) == (30, 60)
    assert (found["queries_of_the_set"], found["candidates_of_the_set"]) == (333, 566)
    assert found["docstrings"] == "auto"
    for ranker in (found, found["bm25"], found["fused"]):
        assert 0 < ranker["mrr"] <= 1
        assert ranker["languages"]["ruby"]["mrr"] == ranker["mrr"] == ranker["macro"]["mrr"]
    assert found["compare"]["wins"][0] > found["compare"]["wins"][1]


def test_a_table_has_a_row_for_each_query_and_averages_to_the_means(small, tmp_path):
    write_out(small, tmp_path / "queries.parquet")
    frame = pd.read_parquet(tmp_path / "queries.parquet")
    assert len(frame) == 30
    assert frame["bm25: mrr"].mean() == pytest.approx(small.bm25.whole.mrr.mean)
    assert frame[f"{small.model}: mrr"].mean() == pytest.approx(small.mrr)
    assert frame["bm25: first_hit"].str.startswith("http").all()


def test_the_terminal_shows_all_rankers_and_the_queries_on_which_they_differ(small):
    drawn = []
    show(small, drawn.append)
    assert [*drawn[1].columns[0].cells] == [BM25, small.model, f"  fused with {BM25}"]
    said = "\n".join(one for one in drawn if isinstance(one, str))
    assert "a sample, seed 0, of 333 queries and 566 candidates" in said
    assert f"{small.model} is better than {BM25}: MRR +0." in said
    assert "finds first:" in said


def test_a_model_whose_weights_are_no_numbers_is_refused(minilm, ruby, tmp_path):
    model = SentenceTransformer(str(minilm), device="cpu")
    with torch.no_grad():
        next(model.parameters())[0, 0] = torch.nan
    model.save(str(tmp_path / "broken"))
    with pytest.raises(SetupError, match="hold NaN or infinity"):
        softnce.evaluate(tmp_path / "broken", ruby, max_candidates=20)


def test_a_model_whose_parts_do_not_fit_is_refused(minilm, ruby, tmp_path):
    model = SentenceTransformer(str(minilm), device="cpu")
    model.append(Dense(100, 10))
    model.save(str(tmp_path / "broken"))
    with pytest.raises(SetupError, match=r"cannot encode the queries: .*shapes cannot be"):
        softnce.evaluate(tmp_path / "broken", ruby, max_candidates=20)


def test_a_model_compared_with_itself_is_refused(ruby):
    with pytest.raises(ConfigError, match="--compare: bm25 twice"):
        softnce.evaluate(BM25, ruby, compare=BM25)


def means(**gains):
    """Return a bootstrap in which each ranker beats BM25 by so much, give or take .01."""
    names = list(gains)
    noise = np.random.default_rng(0).normal(0, 0.005, size=(1000, len(names)))
    values = np.array([[gains[name] for name in names]])
    columns = {name.replace("_and_", " + "): place for place, name in enumerate(names)}
    return Means(columns, values, values + noise * (np.array(names) != BM25))


def test_a_gain_over_bm25_that_vanishes_in_the_hybrid_is_said_to_vanish():
    vanishing = notes_on_bm25(means(bm25=0.5, m=0.6, m_and_bm25=0.502), "m")
    assert "m is better than bm25: MRR +0.1000" in vanishing[0]
    assert vanishing[1].startswith("This gain vanishes in the hybrid: m + bm25 against bm25 is")
    lasting = notes_on_bm25(means(bm25=0.5, m=0.6, m_and_bm25=0.65), "m")
    assert lasting[1].startswith("m + bm25 is better than bm25: MRR +0.1500")


@pytest.mark.parametrize(
    ("fused", "said"),
    [
        (Interval(0.001, -0.002, 0.004), "This difference vanishes in the hybrid"),
        (Interval(0.01, 0.002, 0.02), "This difference remains in the hybrid"),
    ],
)
def test_a_difference_of_two_models_is_followed_into_the_hybrid(fused, said):
    found = Comparison(("a", "b"), Interval(0.02, 0.01, 0.03), fused, (3, 1), 2, ())
    told = notes_on_models(found)
    assert told[0] == f"a is better than b: MRR {signed(found.difference)}."
    assert told[1].startswith(said)


def test_no_difference_is_called_not_shown():
    found = Comparison(
        ("a", "b"), Interval(0.0, -0.01, 0.01), Interval(0.0, 0.0, 0.0), (1, 1), 2, ()
    )
    assert notes_on_models(found)[0].startswith("a is not shown to differ from b: MRR +0.0000")


def test_bm25_reads_identifiers_word_by_word_without_stop_words():
    assert words("readHTTPHeader is the a_b of_file2") == ["read", "http", "header", "file", "2"]
