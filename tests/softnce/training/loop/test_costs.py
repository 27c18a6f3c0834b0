"""What an encoder costs is measured where the study limits it, and else at the end only."""

import json

from softnce.config.file import with_overrides
from softnce.evaluation.metric_names import COST_METRICS
from softnce.training.loop import epochs
from tests.softnce.training.loop.small_runs import config_with


def reports_of(config, prepared, folder):
    return list(epochs(config, prepared, folder))


def test_without_a_limit_the_last_epoch_alone_measures(prepared, tmp_path):
    *before, last = reports_of(config_with(), prepared, tmp_path)
    assert before
    assert not any(set(COST_METRICS) & one.keys() for one in before)
    assert set(COST_METRICS) <= last.keys()


def test_each_evaluation_measures_what_is_limited(prepared, tmp_path):
    limits = {"search/max_parameters": 10, "search/max_encode_ms": 0.5, "optim/epochs": 2}
    config = with_overrides(config_with(), limits)
    first, second = reports_of(config, prepared, tmp_path)
    model = prepared.encoder(config.encoder, seed=0).model
    whole = sum(one.numel() for one in model.parameters())
    assert first["parameters"] == second["parameters"] == whole
    assert 0 < second["encode_ms"] <= first["encode_ms"]
    json.dumps(second)


def test_an_epoch_without_evaluation_has_what_was_measured_before(prepared, tmp_path):
    settings = {"search/max_parameters": 10, "optim/evaluate_every": 2, "optim/epochs": 3}
    found = reports_of(with_overrides(config_with(), settings), prepared, tmp_path)
    assert ["parameters" in one for one in found] == [False, True, True]
