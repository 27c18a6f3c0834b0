"""``softnce train`` on a real Ray and a real MLflow: outputs, resuming, a trial trained again."""

import io
import json
import os
import signal
import sys

import pytest
from mlflow import MlflowClient
from rich.console import Console
from sentence_transformers import SentenceTransformer

import softnce
from softnce.__main__ import main
from softnce.errors import ConfigError, DataError
from softnce.export import card_facts

BASE = {
    "encoder": {"vocabulary": 600, "dimensions": 16},
    "loss": {"name": "infonce"},
    "optim": {"epochs": 2, "batch_size": 32, "learning_rate": 0.01},
    "resources": {"cpus_per_worker": 1},
}


@pytest.fixture(scope="module")
def config(made_pairs):
    return {"data": {"path": str(made_pairs)}, **BASE}


@pytest.fixture(scope="module")
def study(config, tmp_path_factory):
    """A finished study of one trial."""
    search = {"trials": 1, "always_try": "infonce", "confirm": "never"}
    out = tmp_path_factory.mktemp("study") / "mine"
    return softnce.search({**config, "search": search}, out=out, quiet=True)


@pytest.fixture(scope="module")
def trained(config, tmp_path_factory):
    """A finished run."""
    out = tmp_path_factory.mktemp("run") / "one"
    return softnce.train(config, out=out, test=True, quiet=True)


def runs_of(folder):
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiments = [one.experiment_id for one in client.search_experiments()]
    return client.search_runs(experiments, "tags.`softnce.role` = 'train'")


@pytest.mark.ray
@pytest.mark.slow
def test_a_run_leaves_a_model_its_metrics_and_a_run_in_mlflow(trained):
    stored = json.loads((trained.folder / "metrics.json").read_text())
    assert stored["valid"] == trained.metrics
    assert stored["test"] == trained.test
    assert [one["epoch"] for one in stored["epochs"]] == [1, 2]
    assert trained.exit_code == 0
    assert len(SentenceTransformer(str(trained.model)).encode("read every file")) == 16
    (run,) = runs_of(trained.folder)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["mrr"] == pytest.approx(stored["epochs"][-1]["mrr"])
    assert run.data.params["loss"] == "infonce"
    told = card_facts((trained.model / "README.md").read_text())
    assert told["mrr_at_10"].startswith(f"{trained.metrics['mrr_at_10']:.4f} on ")
    assert (
        f"digest {json.loads((trained.folder / 'study.json').read_text())['data']}" in told["data"]
    )
    assert told["encoder"].startswith("static, trained from scratch: 16 dimensions")


@pytest.mark.ray
@pytest.mark.slow
def test_its_model_is_evaluated_as_it_was_tested(trained, made_pairs):
    found = softnce.evaluate(trained.folder, made_pairs)
    assert found.mrr == pytest.approx(trained.test["mrr"], abs=1e-6)


@pytest.mark.ray
@pytest.mark.slow
def test_a_complete_run_is_not_trained_again_and_another_one_is_refused(trained, config):
    again = softnce.train(config, out=trained.folder, quiet=True)
    assert again.metrics == trained.metrics
    other = {**config, "optim": {**BASE["optim"], "epochs": 3}}
    with pytest.raises(ConfigError, match=r"optim\.epochs 2 \(now 3\)"):
        softnce.train(other, out=trained.folder, quiet=True)


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.slow
def test_a_trial_is_trained_again_to_the_same_numbers_and_otherwise_with_another_seed(
    study, tmp_path
):
    again = softnce.train(study=study.folder, trial="t0000", out=tmp_path / "again", quiet=True)
    assert again.metrics["mrr"] == pytest.approx(study.champion.metrics["mrr"], abs=1e-6)
    other = softnce.train(
        study=study.folder, trial="t0000", seed=77, out=tmp_path / "other", test=True, quiet=True
    )
    ledger = json.loads((study.folder / "confirm" / "ledger.json").read_text())
    assert ledger == {"reads_of_the_test_split": ["training of study-t0000-seed77"]}
    assert other.config.optim.seed == 77
    assert other.metrics["loss"] != again.metrics["loss"]


class Interrupting(io.StringIO):
    """A page on which the first epoch's line is answered by SIGTERM, as by a person."""

    def write(self, text):
        if "epoch 1/" in text and "epoch 1/" not in self.getvalue():
            os.kill(os.getpid(), signal.SIGTERM)
        return super().write(text)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.long
def test_a_run_that_is_stopped_goes_on_to_the_same_end(config, tmp_path):
    longer = {**config, "optim": {**BASE["optim"], "epochs": 30}}
    page = Interrupting()
    stopped = softnce.train(longer, out=tmp_path / "run", console=Console(file=page, width=200))
    assert (stopped.exit_code, stopped.model) == (4, None)
    assert "stopped by SIGTERM" in page.getvalue()
    (run,) = runs_of(tmp_path / "run")
    assert run.info.status != "FINISHED"
    softnce.train(longer, out=tmp_path / "run", quiet=True)
    whole = softnce.train(longer, out=tmp_path / "whole", quiet=True)
    resumed = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert resumed["valid"] == pytest.approx(whole.metrics)
    (run,) = runs_of(tmp_path / "run")
    assert run.info.status == "FINISHED"


def test_a_trial_that_is_not_there_is_named(study):
    with pytest.raises(ConfigError, match="no trial t0009; name one of t0000"):
        softnce.train(study=study.folder, trial="t0009")


def test_a_test_split_that_is_empty_is_told_before_training(config, tmp_path):
    rows = [{"query": f"read {n}", "code": f"def read_{n}(): pass"} for n in range(40)]
    folder = tmp_path / "pairs"
    folder.mkdir()
    for part in ("train", "valid"):
        (folder / f"{part}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    given = {**config, "data": {"path": str(folder)}}
    with pytest.raises(DataError, match="no test queries to score; leave out --test"):
        softnce.train(given, out=tmp_path / "run", test=True, quiet=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "train: no configuration; name a YAML file, or --from STUDY t0007"),
        (["none.yaml"], 2, "none.yaml: no such configuration file"),
        (["--from", "none", "t0000"], 2, "neither a study's folder nor the name of one"),
        (["--from", "none"], 2, "--from none: which trial; name one, for example t0007"),
        (["t0", "--from", "none", "--set", "a.b=1"], 2, "a trial is trained as it was"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(monkeypatch, capsys, tmp_path, words, code, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["softnce", "train", *words])
    with pytest.raises(SystemExit) as ending:
        main()
    told = capsys.readouterr().err
    assert ending.value.code == code
    assert told.count("error: ") == 1
    assert said in told
    assert not [*tmp_path.iterdir()]


def test_what_to_train_must_be_clear():
    with pytest.raises(ConfigError, match="give config, or study and trial"):
        softnce.train({}, study="x", trial="t0000")
