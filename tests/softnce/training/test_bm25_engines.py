"""BM25's engines in training: chosen by the configuration, alike for workers and hard negatives."""

import json

import numpy as np
import pytest
import torch

from softnce.config.config import Config
from softnce.config.file import validated, with_overrides
from softnce.data.pairs import read_pairs
from softnce.errors import ConfigError
from softnce.inputs.prepare import prepare
from softnce.training.gather import Workers
from softnce.training.loader import Loader
from softnce.training.loop import epochs
from softnce.training.step import Objective

CPU = torch.device("cpu")
BASE = {
    "data": {"path": "pairs.jsonl", "negatives": 2},
    "encoder": {"dimensions": 16, "vocabulary": 400, "max_length": 32},
    "optim": {"epochs": 1, "batch_size": 8, "learning_rate": 0.02, "max_steps": 2},
}


def config_with(**bm25):
    changes = {f"weights/bm25/{name}": value for name, value in bm25.items()}
    return with_overrides(Config.model_validate(BASE), changes)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Pairs with two hard negatives: the next pair's function, and one of nobody's."""
    folder, draw, rows = tmp_path_factory.mktemp("engines"), np.random.default_rng(3), []
    codes = [f"def f{number}(rows):\n    return rows[{number % 5}]" for number in range(40)]
    for number, code in enumerate(codes):
        words = " ".join(draw.choice(["read", "write", "file", "row", "of", "list"], 5))
        wrong = [codes[(number + 1) % 40], f"def nobody_{number}(): return {number}"]
        rows.append({"query": words, "code": code, "id": f"u{number}", "negatives": wrong})
    path = folder / "pairs.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    pairs = read_pairs(path, negatives=2)
    return prepare(config_with(), pairs, folder / "cache", tell=lambda _: None)


def relevance(prepared, workers, **bm25):
    config = config_with(**bm25)
    objective = Objective(config.encoder.similarity, config.loss, config.weights, workers)
    loader = Loader(config, prepared, objective, CPU)
    (batch,) = loader.prefetched(loader.drawn(1)[:1])
    return batch.relevance


@pytest.mark.parametrize("documents", ["queries", "codes"])
@pytest.mark.parametrize("workers", [Workers(), Workers(0, 2), Workers(1, 2)])
def test_okapi_is_the_same_by_both_engines(prepared, workers, documents):
    plain, fast = (
        relevance(prepared, workers, engine=engine, documents=documents)
        for engine in ("rank_bm25", "fast")
    )
    assert plain.shape == (8 // workers.world, 24)
    torch.testing.assert_close(plain, fast, rtol=0, atol=1e-9)


@pytest.mark.parametrize("variant", ["bm25l", "bm25plus"])
def test_workers_share_the_scores_of_one_process(prepared, variant):
    whole = relevance(prepared, Workers(), variant=variant)
    parts = [relevance(prepared, Workers(rank, 2), variant=variant) for rank in (0, 1)]
    torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-12)
    assert not torch.allclose(whole, relevance(prepared, Workers()))


@pytest.mark.parametrize("settings", [{"variant": "bm25l"}, {"engine": "rank_bm25"}])
def test_each_trains(prepared, tmp_path, settings):
    (report,) = epochs(config_with(**settings), prepared, tmp_path)
    assert np.isfinite(report["loss"])
    assert report["weight_spread"] > 0


@pytest.mark.parametrize(
    ("variant", "engine", "chosen"),
    [
        ("okapi", "auto", "fast"),
        ("okapi", "rank_bm25", "rank_bm25"),
        ("official", "auto", "fast"),
        ("bm25l", "auto", "rank_bm25"),
        ("bm25plus", "rank_bm25", "rank_bm25"),
    ],
)
def test_the_engine_is_the_one_that_is_named_or_has_the_variant(variant, engine, chosen):
    section = config_with(variant=variant, engine=engine).weights.bm25
    assert section.chosen_engine == chosen


@pytest.mark.parametrize(
    ("variant", "engine", "cure"),
    [
        ("bm25l", "fast", "rank_bm25"),
        ("bm25plus", "fast", "rank_bm25"),
        ("official", "rank_bm25", "fast"),
        ("lucene", "rank_bm25", "fast"),
    ],
)
def test_an_engine_without_the_variant_is_refused_with_the_other(variant, engine, cure):
    bm25 = {"variant": variant, "engine": engine}
    said = f"{engine} has no variant {variant}.*set weights.bm25.engine to {cure}, or leave it"
    with pytest.raises(ConfigError, match=said):
        validated({"data": {"path": "x"}, "weights": {"bm25": bm25}})
