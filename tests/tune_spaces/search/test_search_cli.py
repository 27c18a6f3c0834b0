import io

import pytest
from rich.console import Console

from softnce.config.file import validated
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


@pytest.mark.parametrize("has_own_pairs", [True, False])
def test_what_to_do_next_offers_own_pairs_only_to_who_has_given_none(
    tmp_path, capsys, has_own_pairs
):
    study = SearchResult(StudyFolder(tmp_path, "mine"), [], None, "No trial has completed.", 0)
    _next_commands(study, has_own_pairs=has_own_pairs)
    said = capsys.readouterr().out
    assert f"softnce ui {tmp_path}" in said
    assert ("data.path" in said) is not has_own_pairs
    assert "submit" not in said


def test_a_champion_may_search_code_next(tmp_path, capsys):
    study = StudyFolder(tmp_path, "mine")
    config = validated({"data": {"path": "pairs"}})
    best = ResultRow("t0000", config, 0.5, TrialState.COMPLETE, "infonce", "first", "")
    _next_commands(SearchResult(study, [best], best, "Better.", 0), has_own_pairs=False)
    assert f'softnce query {tmp_path} FOLDER "what it does"' in capsys.readouterr().out
