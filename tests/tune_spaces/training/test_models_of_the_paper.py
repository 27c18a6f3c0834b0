"""One short fine-tuning run of each of the paper's models by its preset, on real Ruby functions."""

import json
import sys

import pytest
from mlflow import MlflowClient

import softnce
from softnce.__main__ import main
from softnce.data.pairs import read_pairs
from softnce.encoders.options import SIDE_FILE
from softnce.export import card_facts
from tests.softnce.encoders.small_models import small_roberta

PRESETS = ["codebert-paper", "graphcodebert-paper", "unixcoder-paper"]
PRESETS += ["codebert-upstream", "graphcodebert-upstream", "unixcoder-upstream"]


@pytest.fixture(scope="module")
def ruby(real_data):
    return real_data / "csn-ruby"


@pytest.fixture(scope="module")
def folder(ruby, tmp_path_factory):
    """Small random weights and a byte-level BPE of the functions, as the hub lays a model out."""
    pairs = read_pairs(ruby)
    texts = [text for pair in pairs.train[:200] for text in (pair.query, pair.code)]
    return small_roberta(tmp_path_factory.mktemp("roberta"), texts=texts)


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_trains_and_leaves_its_run_in_mlflow(preset, folder, ruby, tmp_path, monkeypatch):
    changes = {
        "encoder.model": folder,
        "data.path": ruby,
        "optim.epochs": 2,
        "optim.max_steps": 3,
        "optim.batch_size": 8,
        "loss.matryoshka": "[16]" if preset == "unixcoder-upstream" else "[]",
        "resources.executor": "train" if preset == "unixcoder-paper" else "inline",
    }
    words = [word for name, value in changes.items() for word in ("--set", f"{name}={value}")]
    out = tmp_path / "run"
    arguments = ["softnce", "train", preset, *words, "--out", str(out), "--test"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    stored = json.loads((out / "metrics.json").read_text())
    assert [one["epoch"] for one in stored["epochs"]] == [1, 2]
    client = MlflowClient(f"sqlite:///{out / 'mlflow.db'}")
    ids = [one.experiment_id for one in client.search_experiments()]
    (run,) = client.search_runs(ids, "tags.`softnce.role` = 'train'")
    assert run.info.status == "FINISHED"
    assert run.data.metrics["mrr"] == pytest.approx(stored["epochs"][-1]["mrr"])
    found = softnce.evaluate(out, ruby)
    assert found.mrr == pytest.approx(stored["test"]["mrr"], abs=1e-3)
    champion = out / "champion"
    has_flow = preset.startswith("graphcodebert")
    assert (champion / SIDE_FILE).is_file() == has_flow
    facts = card_facts((champion / "README.md").read_text())
    assert ("MRR" in facts.get("data flow", "")) == has_flow
    is_cut = preset == "unixcoder-upstream"
    assert ("truncate_dim=16" in facts.get("shorter vectors", "")) == is_cut
