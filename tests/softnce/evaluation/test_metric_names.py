"""The names of metrics stand in one place; all that computes, offers or logs them reads it."""

import re
from pathlib import Path

import pytest
import torch

from softnce.config.config import Config
from softnce.config.file import validated
from softnce.errors import ConfigError
from softnce.evaluation import metric_names
from softnce.evaluation.metric_names import EPOCH_METRICS, RETRIEVAL_METRICS
from softnce.evaluation.ranking import mrr, recall_at, retrieval_metrics

ROOT = Path(__file__).parents[3]
RANKS = torch.tensor([1, 2, 10, 11], dtype=torch.float64)


def test_every_named_metric_is_computed_as_its_name_says():
    found = retrieval_metrics(RANKS)
    assert tuple(found) == RETRIEVAL_METRICS
    assert found["mrr"] == mrr(RANKS)
    assert found["mrr_at_10"] == mrr(RANKS, cutoff=10)
    for name in set(RETRIEVAL_METRICS) - {"mrr", "mrr_at_10"}:
        assert found[name] == recall_at(RANKS, int(name.removeprefix("recall_at_")))


@pytest.mark.parametrize("name", RETRIEVAL_METRICS)
def test_a_study_may_maximise_every_retrieval_metric(name):
    config = validated({"data": {"path": "x"}, "search": {"metric": name}})
    assert config.search.metric == name
    assert name in EPOCH_METRICS


def test_a_study_maximises_nothing_else():
    with pytest.raises(ConfigError, match=r"search\.metric"):
        validated({"data": {"path": "x"}, "search": {"metric": "loss"}})
    assert Config.model_fields["search"].annotation.model_fields["metric"].default == "mrr"


def test_no_other_module_lists_the_names():
    names = re.compile(rf"[\"']({'|'.join(set(RETRIEVAL_METRICS) - {'mrr'})})[\"']")
    files = [
        path
        for room in ("softnce", "tune_spaces", "cluster")
        for path in ROOT.glob(f"{room}/**/*.py")
    ]
    listing = [path for path in files if names.search(path.read_text(encoding="utf-8"))]
    assert listing == [Path(metric_names.__file__)]
