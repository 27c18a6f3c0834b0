"""``softnce evaluate`` at the door: one JSON object, exit codes, nothing half-written."""

import json
import sys

import pytest

from softnce.__main__ import main
from softnce.errors import ConfigError
from tune_spaces.sources.model import ModelSource, distinct, model_source


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the command in this process, in an empty folder; return its code and what it said."""

    def ended(*words):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["softnce", *words])
        with pytest.raises(SystemExit) as ending:
            main()
        return ending.value.code, *capsys.readouterr()

    return ended


def test_json_is_one_object_on_standard_output_and_out_is_a_table(run, made_pairs, tmp_path):
    code, said, _ = run("evaluate", "bm25", str(made_pairs), "--json", "--out", "queries.parquet")
    assert code == 0
    found = json.loads(said)
    assert {"mrr", "mrr_low", "mrr_high", "queries", "candidates"} <= found.keys()
    assert found["fused"] is None
    assert [one.name for one in tmp_path.iterdir()] == ["queries.parquet"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["./none", "PAIRS"], 3, "./none: there is no such folder; check the path"),
        (["PAIRS", "PAIRS"], 2, "a file, not a model's folder"),
        (["EMPTY", "PAIRS"], 3, "neither a folder with a model nor a model that the hub gave"),
        (["bm25", "none.jsonl"], 2, "none.jsonl does not exist; check the path"),
        (["bm25", "EMPTY"], 2, "has no train, valid or test file"),
        (["bm25", "PAIRS", "--out", "no/x.parquet"], 2, "its folder does not exist"),
        (["bm25", "PAIRS", "--out", "x.csv"], 2, "the per-query table is parquet"),
        (["bm25", "PAIRS", "--max-candidates", "1"], 2, "greater than or equal to 2"),
        (["bm25", "PAIRS", "--set", "optim.epochs=1"], 2, "only the settings of data count here"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(run, made_pairs, tmp_path, words, code, said):
    empty = tmp_path / "empty"
    empty.mkdir()
    named = {"PAIRS": str(made_pairs), "EMPTY": str(empty)}
    found, shown, told = run("evaluate", *(named.get(one, one) for one in words))
    complaints = [one for one in told.splitlines() if one.startswith("error: ")]
    assert (found, len(complaints)) == (code, 1)
    assert said in complaints[0]
    assert shown == ""
    assert [*tmp_path.iterdir()] == [empty]


def test_a_study_without_a_champion_is_told_so(tmp_path):
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(ConfigError, match="this study has no champion"):
        model_source(tmp_path)


def test_a_study_stands_for_its_champion(tmp_path):
    folder = tmp_path / "mine"
    (folder / "champion").mkdir(parents=True)
    (folder / "study.json").write_text("{}")
    (folder / "champion" / "modules.json").write_text("[]")
    (folder / "champion.txt").write_text("t0007")
    found = model_source(folder)
    assert found == ModelSource(str(folder / "champion"), "mine/champion (t0007)", is_ours=True)


def test_models_of_one_short_name_are_shown_by_their_whole_place():
    pair = [ModelSource("a/x/m", "x/m"), ModelSource("b/x/m", "x/m")]
    assert [one.name for one in distinct(pair)] == ["a/x/m", "b/x/m"]


def test_a_folder_of_code_is_evaluated_by_its_docstrings(run, tmp_path):
    for verb in ("read", "write"):
        (tmp_path / f"{verb}.py").write_text(
            f'def {verb}_table(path):\n    """{verb.title()} a table of numbers."""\n'
            f"    found = {verb}(path)\n    return found\n"
        )
    code, said, _ = run("evaluate", "bm25", str(tmp_path), "--json")
    assert code == 0
    found = json.loads(said)
    assert (found["queries"], found["candidates"], found["split"]) == (2, 2, "all")
    assert (found["mrr"], found["codes_stripped"]) == (1.0, 2)
    _, told, _ = run("evaluate", "bm25", str(tmp_path))
    assert "2 docstrings asked, 2 candidates" in told
