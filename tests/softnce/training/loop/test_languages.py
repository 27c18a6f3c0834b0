"""Several languages in one model: what meets in a batch, and what a metric is the mean of."""

import gzip
import json

import numpy as np
import pytest
import torch

from softnce.config.file import with_overrides
from softnce.data.pairs import read_pairs
from softnce.errors import DataError
from softnce.evaluation.ranking import macro_metrics, retrieval_metrics
from softnce.inputs.prepare import prepare
from softnce.training.gather import Workers
from softnce.training.loader import Loader
from softnce.training.scoring import _ranks, validate
from softnce.training.step import Objective
from tests.softnce.training.loop.small_runs import config_with, said, trained

BY_LANGUAGE = {"data/batches": "by_language"}
BY_MEAN = {"search/average": "languages"}


@pytest.fixture(scope="module")
def two_languages(made_pairs, tmp_path_factory):
    """Made pairs, of which every fourth is said to be of another language."""
    path = tmp_path_factory.mktemp("languages") / "pairs.jsonl"
    rows = [json.loads(line) for line in made_pairs.read_text().splitlines()[:300]]
    named = [
        row | {"language": "ruby" if number % 4 == 0 else "python"}
        for number, row in enumerate(rows)
    ]
    path.write_text("\n".join(map(json.dumps, named)))
    return read_pairs(path)


def prepared_with(changes, pairs, folder):
    config = with_overrides(config_with(), changes)
    return config, prepare(config, pairs, folder / "cache", tell=said)


def test_batches_by_language_hold_one_language(two_languages, tmp_path):
    config, made = prepared_with(BY_LANGUAGE, two_languages, tmp_path)
    objective = Objective("cosine", config.loss, config.weights, Workers())
    drawn = Loader(config, made, objective, torch.device("cpu")).drawn(1)
    languages = [{two_languages.train[row].language for row in batch} for batch in drawn.tolist()]
    assert {frozenset(one) for one in languages} == {frozenset({"ruby"}), frozenset({"python"})}
    assert trained(config, made, tmp_path / "run")[-1]["finished"]


def test_a_language_with_too_few_pairs_is_named_before_anything_is_made(two_languages, tmp_path):
    changes = BY_LANGUAGE | {"optim/batch_size": 100}
    with pytest.raises(DataError, match="training pairs of ruby do not fill one batch of 100"):
        prepared_with(changes, two_languages, tmp_path)
    assert not (tmp_path / "cache").exists()


def test_the_objective_counts_each_language_the_same(two_languages, tmp_path):
    config, made = prepared_with(BY_MEAN, two_languages, tmp_path)
    encoder = made.encoder(config.encoder, seed=1)
    ranks = _ranks(encoder, made, "valid")
    languages = np.array(two_languages.valid.languages)
    means = [float(ranks[torch.from_numpy(languages == one)].reciprocal().mean())
             for one in ("python", "ruby")]  # fmt: skip
    assert validate(encoder, made)["mrr"] == pytest.approx(np.mean(means))
    _, plain = prepared_with({}, two_languages, tmp_path)
    assert validate(encoder, plain)["mrr"] == pytest.approx(float(ranks.reciprocal().mean()))
    assert validate(encoder, plain)["mrr"] != validate(encoder, made)["mrr"]


def test_a_mean_over_one_language_is_the_mean_over_queries():
    ranks = torch.tensor([1.0, 2.0, 4.0])
    same = macro_metrics(ranks, torch.tensor([7, 7, 7]))
    assert same == pytest.approx(retrieval_metrics(ranks))
    apart = macro_metrics(ranks, torch.tensor([0, 1, 1]))
    assert apart["mrr"] == pytest.approx((1 + 0.375) / 2)


def test_six_real_languages_train_together(real_data, tmp_path):
    rows = {part: [] for part in ("train", "valid", "test", "codebase")}
    for language in sorted((real_data / "puzzle-six").iterdir()):
        for part in rows if language.is_dir() else ():
            with gzip.open(language / f"{part}.jsonl.gz", "rt", encoding="utf-8") as file:
                rows[part] += file.read().splitlines()
    for part, lines in rows.items():
        (tmp_path / "six").mkdir(exist_ok=True)
        (tmp_path / "six" / f"{part}.jsonl").write_text("\n".join(lines))
    pairs = read_pairs(tmp_path / "six")
    few = {"optim/batch_size": 16, "optim/epochs": 1}
    config, made = prepared_with(BY_LANGUAGE | BY_MEAN | few, pairs, tmp_path)
    assert len({pair.language for pair in pairs.train}) == 6
    (report,) = trained(config, made, tmp_path / "run")
    assert report["mrr"] > 0
