"""LoRA in a whole study on a real Ray: its rank searched, its champion used as any other."""

import json
import sys

import pytest
import torch
from mlflow import MlflowClient
from safetensors import safe_open
from sentence_transformers import SentenceTransformer

import softnce
from softnce.__main__ import main
from softnce.export import card_facts
from tests.docs.pages import ROOT, blocks
from tests.softnce.encoders.small_models import small_roberta

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.long]


def run(*words):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["softnce", *words])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code


@pytest.fixture(scope="module")
def model(made_pairs, tmp_path_factory):
    """Small random weights without dropout, which two workers would draw otherwise than one."""
    texts = made_pairs.read_text().splitlines()[:200]
    folder = small_roberta(tmp_path_factory.mktemp("model"), texts=texts)
    path = folder / "config.json"
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    path.write_text(json.dumps(json.loads(path.read_text()) | still))
    return str(folder)


@pytest.fixture(scope="module")
def study(made_pairs, model, tmp_path_factory):
    """The study of the page on encoders by its command, shortened."""
    page = blocks(ROOT / "docs" / "models.md", "yaml")
    (block,) = [one for one in page if one.text.startswith("# lora.yaml")]
    folder = tmp_path_factory.mktemp("study")
    (folder / "lora.yaml").write_text(block.text)
    changes = {
        "data.path": made_pairs, "encoder.model": model, "encoder.max_length": 32,
        "optim.epochs": 2, "optim.max_steps": 4, "optim.batch_size": 32,
        "search.always_try": "infonce", "search.confirm": "always", "search.confirm_seeds": 2,
    }  # fmt: skip
    words = [word for name, value in changes.items() for word in ("--set", f"{name}={value}")]
    run("search", str(folder / "lora.yaml"), *words, "--trials", "4", "--out", str(folder / "out"))
    return folder / "out"


def runs_of(folder, role):
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    ids = [one.experiment_id for one in client.search_experiments()]
    return client.search_runs(ids, f"tags.`softnce.role` = '{role}'")


def facts_of(study):
    return card_facts((study / "champion" / "README.md").read_text())


def test_a_rank_is_searched_confirmed_and_left_in_a_plain_model(study):
    champion, facts = study / "champion", facts_of(study)
    weights = sorted(champion.rglob("*.safetensors"))
    names = [name for path in weights for name in safe_open(path, "pt").keys()]  # noqa: SIM118
    assert names
    assert not [one for one in names if "lora" in one or "base_layer" in one]
    assert SentenceTransformer(str(champion), device="cpu").encode(["read"]).shape == (1, 32)
    assert facts["adapters"].startswith("LoRA of rank ")
    assert "they alone were trained" in facts["adapters"]
    assert json.loads((study / "confirm" / "ledger.json").read_text())
    runs = [one.data for one in runs_of(study, "infonce")]
    assert {one.params["encoder/lora/rank"] for one in runs} <= {"8", "16", "32"}
    assert all(one.metrics["trained_parameters"] > 0 for one in runs)


def test_its_champion_is_trained_again_evaluated_and_asked(study, made_pairs, tmp_path, capsys):
    key, known = facts_of(study)["trial"], float(facts_of(study)["mrr"].split()[0])
    again = softnce.train(study=study, trial=key, out=tmp_path / "a", test=True, quiet=True)
    assert again.metrics["mrr"] == pytest.approx(known, abs=1e-4)
    found = softnce.evaluate(again.folder, made_pairs)
    assert found.mrr == pytest.approx(again.test["mrr"], abs=1e-6)
    (tmp_path / "code.py").write_text("def read_file(disk):\n    return disk.read()\n" * 2)
    run("query", str(study), str(tmp_path / "code.py"), "read", "--cache", str(tmp_path / "c"))
    assert "read_file" in capsys.readouterr().out


def test_two_workers_train_the_adapters_of_one(made_pairs, model, tmp_path):
    config = {
        "data": {"path": str(made_pairs)},
        "encoder": {"kind": "transformer", "model": model, "max_length": 32, "lora": {"rank": 4}},
        "loss": {"name": "infonce"},
        "optim": {"epochs": 2, "batch_size": 32, "max_steps": 4, "learning_rate": 0.003},
    }
    ends = []
    for workers in (1, 2):
        resources = {"cpus_per_worker": 1, "workers": workers, "executor": "train"}
        out = tmp_path / str(workers)
        run = softnce.train({**config, "resources": resources}, out=out, quiet=True)
        epochs = json.loads((out / "metrics.json").read_text())["epochs"]
        model = SentenceTransformer(str(run.model), device="cpu")
        ends.append(
            ([one["loss"] for one in epochs], torch.from_numpy(model.encode(["read every file"])))
        )
    assert ends[0][0] == pytest.approx(ends[1][0], rel=1e-4)
    assert ends[0][0][1] < ends[0][0][0]
    torch.testing.assert_close(ends[0][1], ends[1][1], atol=1e-4, rtol=0)
