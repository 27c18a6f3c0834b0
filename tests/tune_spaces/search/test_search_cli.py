import io
import json
import shlex
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from softnce.config.file import validated
from softnce.data.mining.mine import mine
from softnce.data.mining.sources import environment_packages
from softnce.errors import ConfigError, DataError
from tests.faults import softnce
from tune_spaces.commands.search import _next_commands, seconds
from tune_spaces.search.conclusion import SearchResult
from tune_spaces.search.search import search
from tune_spaces.study.folder import StudyFolder
from tune_spaces.study.verdicts.verdict import ResultRow
from tune_spaces.trial_state import TrialState


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("90", 90), ("90s", 90), ("1.5h", 5400), (" 2 m ", 120), ("1d", 86400), ("0.5m", 30)],
)
def test_a_duration_is_read_in_seconds(text, wanted):
    assert seconds(text) == wanted


@pytest.mark.parametrize("text", ["", "abc", "0", "0s", "-5m", "5x", "1h30m", "1e3", "inf", "m"])
def test_what_is_no_duration_is_refused_with_the_form(text):
    with pytest.raises(ConfigError, match="write it as 90s, 30m, 2h or 1d"):
        seconds(text)


@pytest.mark.parametrize(("trials", "is_told"), [(6, True), (2, False)])
def test_a_configuration_without_a_space_is_reported_before_data_are_read(
    tmp_path, trials, is_told
):
    asked = tmp_path / "asked.yaml"
    asked.write_text("data: {path: none.jsonl}\nloss: {name: infonce}\n")
    words = ["--trials", str(trials), "--set", "search.always_try=infonce"]
    said = softnce("search", str(asked), *words, cwd=tmp_path)
    assert said.returncode == 2
    told = "search.space is empty, so only 2 of 6 trials can run; name what to search"
    assert (told in said.stdout) == is_told, said.stdout


def test_a_path_is_no_markup_in_the_console_of_a_caller_either(tmp_path):
    config = validated({"data": {"path": f"{tmp_path}/pairs[/b].jsonl"}})
    page = io.StringIO()
    with pytest.raises(DataError):
        search(config, out=tmp_path / "study", console=Console(file=page, width=200))
    assert f"reading {tmp_path}/pairs[/b].jsonl" in page.getvalue()


@pytest.mark.parametrize("pairs", ["pairs.csv", None])
def test_what_to_do_next_offers_own_pairs_only_to_who_has_given_none(tmp_path, capsys, pairs):
    study = SearchResult(StudyFolder(tmp_path, "mine"), [], None, "No trial has completed.", 0)
    _next_commands(study, pairs)
    said = capsys.readouterr().out
    assert f"softnce ui {tmp_path}" in said
    assert ("data.path" in said) is (pairs is None)
    assert "submit" not in said


@pytest.fixture
def asked(tmp_path, capsys):
    """What is offered to ask the champion of a study, as words of a shell."""
    study = StudyFolder(tmp_path / "my study", "mine")
    best = ResultRow(
        "t0000", validated({"data": {"path": "x"}}), 0.5, TrialState.COMPLETE, "infonce", "", ""
    )

    def words(pairs, code=None):
        if code is not None:
            mine([*code], Path(pairs or study.mined), workers=1)
        _next_commands(SearchResult(study, [best], best, "Better.", 0), pairs)
        (line,) = [one for one in capsys.readouterr().out.splitlines() if "softnce query" in one]
        command, study_named, where, text = shlex.split(line.partition("softnce ")[2])
        assert (command, study_named) == ("query", str(study.root))
        assert text == "read a file line by line"
        return where

    return words


def test_a_champion_may_be_asked_about_the_code_of_its_pairs_next(tmp_path, asked):
    code = tmp_path / "some code"
    code.mkdir()
    for name in ("read", "sort"):
        said = f'"""The {name} of all the numbers in a table of names."""'
        body = f"{said}\n    kept = list({name}_)\n    {name}_.clear()\n    return kept"
        (code / f"{name}.py").write_text(f"def {name}({name}_):\n    {body}\n")
    pairs = str(tmp_path / "pairs")
    assert asked(pairs, [code]) == asked(pairs) == str(code)
    assert asked(None, [code]) == str(code)
    shutil.rmtree(code)
    assert asked(pairs) == "FOLDER"


@pytest.mark.parametrize("told", ["{}", "[1]", '{"paths": [3]}', '{"paths": "x"}', "{"])
def test_code_that_is_not_known_is_a_word_to_fill_in(tmp_path, asked, told):
    (tmp_path / "mining.json").write_text(told)
    assert asked(str(tmp_path)) == asked(str(tmp_path / "none.csv")) == "FOLDER"


def test_of_the_installed_packages_a_small_one_is_asked(tmp_path, asked):
    named = [str(one) for one in environment_packages()]
    (tmp_path / "mining.json").write_text(json.dumps({"paths": named}))
    where = Path(asked(str(tmp_path))).absolute()
    assert where.parent in environment_packages()
    assert 10 < len(list(where.rglob("*.py"))) < 200
