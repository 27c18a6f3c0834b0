"""What ``softnce weights`` advises can be followed."""

import csv
import random

import pytest

from softnce.config.file import data_config
from softnce.errors import ConfigError
from tests.conftest import made_pair
from tests.faults import softnce


def test_a_table_with_columns_of_its_own_is_read_as_the_error_advises(tmp_path):
    draw = random.Random(5)
    with (tmp_path / "pairs.csv").open("w", newline="") as file:
        rows = csv.DictWriter(file, ["asked", "body"])
        rows.writeheader()
        for number in range(300):
            pair = made_pair(number, draw)
            rows.writerow({"asked": pair["query"], "body": pair["code"]})
    words = ["weights", "pairs.csv", "--estimator", "bm25", "--batch-size", "16"]
    refused = softnce(*words, cwd=tmp_path)
    assert refused.returncode == 2
    assert "with data.columns.query" in refused.stderr
    columns = ["--set", "data.columns.query=asked", "--set", "data.columns.code=body"]
    read = softnce(*words, *columns, cwd=tmp_path)
    assert read.returncode == 0, read.stderr


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("optim.epochs=2", "--set optim.epochs=2: only the settings of data count here"),
        ("data.colums.query=x", "data.colums: unknown key; did you mean data.columns?"),
        ("data.columns.query", "not of the form section.field=value"),
    ],
)
def test_a_setting_that_does_not_count_is_refused(tmp_path, setting, said):
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        data_config(tmp_path, [setting])
