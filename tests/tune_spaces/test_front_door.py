"""The front door for Python, without training: what it takes, refuses, and makes of trials."""

import pandas as pd
import pytest

import softnce
from softnce.config.config import Config
from softnce.config.file import with_overrides
from softnce.errors import ConfigError
from tune_spaces.api.search import resolved_source
from tune_spaces.report.tables.trials_table import trial_records
from tune_spaces.space.space import search_space
from tune_spaces.study.verdicts.verdict import ResultRow

SPACE = {
    "loss/name": {"choice": ["infonce", "soft-infonce"]},
    "weights/temperature": {"real": [0.05, 5], "log": True, "when": {"loss/name": "soft-infonce"}},
}


def test_a_mapping_may_hold_paths(tmp_path):
    config, source = resolved_source({"data": {"path": tmp_path}, "search": {"space": SPACE}})
    assert isinstance(config, Config)
    assert (config.data.path, source) == (str(tmp_path), "study")
    assert resolved_source(config)[0] == config


def test_relative_paths_are_those_of_the_working_folder(tmp_path, monkeypatch):
    given = {"data": {"path": "pairs"}, "encoder": {"kind": "transformer", "model": "./mine"}}
    monkeypatch.chdir(tmp_path)
    for name in ("pairs", "mine"):
        (tmp_path / name).mkdir()
    config, _ = resolved_source(given)
    assert (config.data.path, config.encoder.model) == (str(tmp_path / "pairs"), f"{tmp_path}/mine")
    assert given["data"] == {"path": "pairs"}


def test_a_file_and_a_preset_name_their_study(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("data: {path: pairs.csv}")
    assert resolved_source(path)[1] == resolved_source(str(path))[1] == "mine"
    assert resolved_source("quick")[1] == "quick"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"data": {"path": "x"}, "optim": {"epoch": 2}}, "optim.epoch: unknown key; did you mean"),
        ({}, "data: missing; say where the pairs are"),
        ("quik", "quik: neither a YAML file nor a preset; choose one of the presets: "),
        (["data"], "softnce.search: a list is no configuration; give a mapping of sections"),
    ],
    ids=["key", "no data", "name", "type"],
)
def test_what_is_no_configuration_is_refused_as_on_the_command_line(config, said):
    with pytest.raises(ConfigError, match=said):
        softnce.search(config)


def test_a_number_of_trials_is_bounded_as_in_a_file():
    with pytest.raises(ConfigError, match=r"search\.trials: input should be greater"):
        softnce.search({"data": {"path": "x"}}, trials=0)


@pytest.fixture
def records():
    """Two trials; the second has done two epochs, of which the first was told twice."""
    base, _ = resolved_source({"data": {"path": "x"}, "search": {"space": SPACE}})
    soft = {"loss/name": "soft-infonce", "weights/temperature": 0.5, "optim/seed": 7}
    rows = [
        ResultRow(
            "t0000", with_overrides(base, {"loss/name": "infonce"}), None, "failed", "", "", "out"
        ),
        ResultRow("t0001", with_overrides(base, soft), 0.4, "complete", "search", "tpe", ""),
    ]
    epochs = [(1, 0.4, 2.0), (1, 0.4, 2.0), (2, 0.3, 3.0)]
    reports = [
        {"kind": "report", "key": "t0001", "epoch": epoch, "metrics": {"mrr": mrr, "seconds": s}}
        for epoch, mrr, s in epochs
    ]
    events = [{"kind": "begin", "key": "t0001"}, *reports]
    return trial_records(rows, search_space(base), events)


def test_a_record_holds_the_metrics_of_the_best_epoch_and_the_time_of_all(records):
    assert [one["number"] for one in records] == [0, 1]
    assert (records[1]["mrr"], records[1]["epochs"], records[1]["duration_s"]) == (0.4, 2, 5.0)
    assert (records[0]["mrr"], records[0]["epochs"], records[0]["duration_s"]) == (None, 0, None)
    assert records[0]["note"] == "out"
    assert records[1]["run_name"].startswith("t0001-")


def test_settings_are_columns_by_path_empty_where_a_trial_does_not_read_them(records):
    frame = pd.DataFrame.from_records(records)
    assert frame["loss/name"].tolist() == ["infonce", "soft-infonce"]
    assert frame["weights/temperature"].isna().tolist() == [True, False]
    assert frame["optim/seed"].nunique() == 2  # not searched, but the trials differ in it
    assert "optim/epochs" not in frame
