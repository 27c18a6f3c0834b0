"""A search finds the same, whatever its test split asks: nothing but a confirmation reads it."""

import json
import random

import pytest
from rich.console import Console

from softnce.config.file import validated
from tests.conftest import made_pair
from tune_spaces.search.search import search

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.long]
SIZES = {"train": 600, "valid": 100, "test": 100}


def written(folder, ask):
    """Write a set whose test queries are changed by a function."""
    draw, rows, first = random.Random(7), [], 0
    for number in range(sum(SIZES.values())):
        pair = made_pair(number, draw)
        rows.append({"url": pair["id"], "docstring": pair["query"], "code": pair["code"]})
    folder.mkdir()
    for split, size in SIZES.items():
        part = rows[first : first + size]
        if split == "test":
            part = [{**row, "docstring": ask(row["docstring"])} for row in part]
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, part)))
        first += size
    codes = [{**row, "docstring": ""} for row in rows[SIZES["train"] :]]
    (folder / "codebase.jsonl").write_text("\n".join(map(json.dumps, codes)))
    return folder


def searched(pairs, out):
    config = {
        "data": {"path": str(pairs)},
        "encoder": {"vocabulary": 600, "dimensions": 32},
        "optim": {"epochs": 1, "batch_size": 32, "learning_rate": 0.01},
        "search": {
            "space": {"optim/learning_rate": {"real": [0.003, 0.03], "log": True}},
            "trials": 4,
            "confirm": "never",
        },
    }
    study = search(validated(config), source="mine", out=out, console=Console(quiet=True))
    baselines = json.loads((out / "baselines.json").read_text())
    return [(row.key, row.value) for row in study.table], study.champion.key, baselines


def test_a_poisoned_test_split_changes_nothing_of_a_search(tmp_path):
    plain = searched(written(tmp_path / "plain", str), tmp_path / "a")
    poisoned = searched(written(tmp_path / "poisoned", lambda text: text[::-1]), tmp_path / "b")
    assert poisoned == plain
    assert not (tmp_path / "a" / "confirm").exists()
