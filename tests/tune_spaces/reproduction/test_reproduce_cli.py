"""What a person may type: mistakes in one line, and a table at small scale for real."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from mlflow import MlflowClient

from softnce.errors import ConfigError, DataError
from tune_spaces.reproduction.setup import ReproductionRequest, study_config
from tune_spaces.tracking.store import own_uri

TABLE = ("reproduce", "table1", "--language", "ruby", "--model", "unixcoder")


def test_pairs_that_are_not_there_are_named_with_the_command_that_prepares_them(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="codesearchnet-go-graphcodebert: there are no pairs") as e:
        study_config(ReproductionRequest("table1", "go", "unixcoder"))
    assert "softnce data prepare codesearchnet --language go" in str(e.value)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    request = ReproductionRequest("table1", "go", "unixcoder", data=tmp_path / "none")
    with pytest.raises(DataError, match="none: there is no such folder or file; check the path"):
        study_config(request)


def test_a_table_that_the_paper_has_for_another_model_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="table3: the paper has it for graphcodebert alone"):
        study_config(ReproductionRequest("table3", "python", "codebert", "small", tmp_path))


@pytest.mark.parametrize(
    ("setting", "cure"),
    [
        ("search.trials=2", "leave it out"),
        ("search.asha.enabled=true", "leave it out"),
        ("weights.alpha=1", "leave it out"),
        ("weights={alpha: 1}", "leave it out"),
        ("optim.seed=7", "give --seeds instead"),
        ("data.path=pairs", "give --data instead"),
    ],
)
def test_a_setting_that_the_table_decides_is_not_passed_over_in_silence(setting, cure, tmp_path):
    request = ReproductionRequest("table1", "ruby", "codebert", "small", tmp_path)
    with pytest.raises(ConfigError, match="table1 decides it") as caught:
        study_config(replace(request, settings=(setting,)))
    assert cure in str(caught.value)


def test_a_folder_with_a_colon_is_no_yaml(tmp_path):
    folder = tmp_path / "a: b # c"
    folder.mkdir()
    found = study_config(ReproductionRequest("table1", "ruby", "unixcoder", "small", folder))
    assert found.data.path == str(folder)


def test_an_encoder_of_ones_own_keeps_the_papers_batch(tmp_path, minilm):
    found = study_config(
        ReproductionRequest("table1", "ruby", "unixcoder", "small", tmp_path, encoder=str(minilm))
    )
    assert (found.encoder.kind, found.encoder.model) == ("transformer", str(minilm))
    assert (found.optim.batch_size, found.encoder.similarity) == (32, "cosine")


def run(*words, cwd):
    command = [sys.executable, "-m", "softnce", *map(str, words)]
    quiet = {**os.environ, "TQDM_DISABLE": "1"}
    return subprocess.run(
        command, cwd=cwd, env=quiet, capture_output=True, text=True, timeout=900, check=False
    )


def test_an_encoder_at_full_scale_is_a_mistake(tmp_path):
    ended = run(*TABLE, "--encoder", "static", cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.strip().count("\n") == 0
    assert "--scale small" in ended.stderr


@pytest.fixture(scope="module")
def reproduced(made_pairs, minilm, tmp_path_factory):
    """Table 1 of made pairs: the folder, and what each of two runs of one command ended with."""
    folder = tmp_path_factory.mktemp("table1")
    words = [
        *TABLE, "--scale", "small", "--data", made_pairs, "--seeds", 2, "--json", "--out", "study",
        "--set", "optim.epochs=2", "--set", "encoder.vocabulary=600",
        "--set", "encoder.dimensions=32", "--set", f"weights.simcse.model={minilm}",
        "--set", "weights.simcse.batch_size=32", "--set", "weights.simcse.max_steps=2",
        "--set", "weights.simcse.max_length=16",
    ]  # fmt: skip
    return folder, run(*words, cwd=folder), run(*words, cwd=folder)


@pytest.mark.long
@pytest.mark.ray
class TestTableAtSmallScale:
    """A whole table on a real Ray cluster, with a real teacher, SimCSE and MLflow store."""

    def test_it_ends_well_and_again_with_the_same(self, reproduced):
        _, first, again = reproduced
        assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
        assert first.stdout.splitlines()[-1] == again.stdout.splitlines()[-1]

    def test_every_line_has_each_seed_and_the_papers_number(self, reproduced):
        facts = json.loads(reproduced[1].stdout.splitlines()[-1])
        paper = {line["key"]: line["paper"] for line in facts["lines"]}
        assert paper == {"infonce": 0.740, "bm25": 0.753, "teacher": 0.753, "simcse": 0.753}
        for line in facts["lines"]:
            assert len(line["by_seed"]) == 2
            assert line["gap"] == pytest.approx(line["ours"] - line["paper"])
            assert not line["failed"]

    def test_it_is_said_to_be_not_comparable(self, reproduced):
        facts = json.loads(reproduced[1].stdout.splitlines()[-1])
        assert not facts["is_comparable"]
        assert any("small static encoder" in one for one in facts["reservations"])

    def test_mlflow_has_a_run_of_each_line_and_seed_with_its_test_score(self, reproduced):
        uri = own_uri(reproduced[0] / "study")
        client = MlflowClient(uri, registry_uri=uri)
        experiments = [one.experiment_id for one in client.search_experiments()]
        runs = client.search_runs(experiments, max_results=100)
        scored = [run for run in runs if "test_mrr" in run.data.metrics]
        assert len(scored) == 8
        facts = json.loads(reproduced[1].stdout.splitlines()[-1])
        ours = sorted(value for line in facts["lines"] for value in line["by_seed"])
        logged = sorted(run.data.metrics["test_mrr"] for run in scored)
        assert logged == pytest.approx(ours)

    def test_the_page_of_the_study_in_mlflow_has_the_table_and_its_files(self, reproduced):
        uri = own_uri(reproduced[0] / "study")
        client = MlflowClient(uri, registry_uri=uri)
        (experiment,) = [one for one in client.search_experiments() if one.name != "Default"]
        assert experiment.name == "softnce/table1-unixcoder-ruby-small"
        query = "tags.`softnce.verdict` != ''"
        (parent,) = client.search_runs([experiment.experiment_id], query)
        page = parent.data.tags["mlflow.note.content"]
        assert page.startswith("### Table 1: ")
        assert "softnce confirm" not in page
        report = reproduced[0] / "study" / "report.html"
        assert "softnce confirm" not in report.read_text(encoding="utf-8")
        files = [one.path for one in client.list_artifacts(parent.info.run_id, "results")]
        assert files == ["results/reproduction.json"]

    def test_the_study_remembers_that_its_test_split_was_read(self, reproduced):
        ledger = json.loads((reproduced[0] / "study" / "confirm" / "ledger.json").read_text())
        assert ledger["reads_of_the_test_split"] == ["scores of all trials"]
