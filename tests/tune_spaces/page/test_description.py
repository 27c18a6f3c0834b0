"""What the page of a study says, whatever its trials are called."""

import re
from pathlib import Path

import pytest

from softnce.config.file import validated, with_overrides
from tune_spaces.page.description import Told, description, ranked
from tune_spaces.page.environment import environment, git_commit, source_tags
from tune_spaces.study.verdicts.verdict import ResultRow
from tune_spaces.trial_state import TrialState

BASE = validated({"data": {"path": "pairs.jsonl"}, "encoder": {"kind": "static"}})
HOSTILE = "<script>alert(1)</script> | `x` **bold** [a](javascript:b)\n# title"


def row(number, value, state=TrialState.COMPLETE, loss="infonce", note=""):
    config = with_overrides(BASE, {"loss/name": loss})
    return ResultRow(f"t{number:04d}", config, value, state, "search", "tpe", note)


def told(rows, sentence="Better: by 0.01.", **more) -> Told:
    return Told("made", Path("/studies/made"), BASE, rows, sentence, **more)


def test_the_verdict_comes_first_then_the_best_trial_and_infonce_beside_it():
    table = [row(0, 0.3), *[row(n, 0.3 + n / 100, loss="soft-infonce") for n in range(1, 20)]]
    text = description(told(table))
    lines = text.splitlines()
    assert lines[0] == "### Better: by 0.01."
    trials = re.findall(r"^\| (t\d+) \|.*\| ([\d.]+) \|$", text, re.MULTILINE)
    assert trials[0] == ("t0019", "0.4900")
    assert trials[-1] == ("t0000", "0.3000")
    assert "best InfoNCE" in text
    assert "9 more trials are in the table of runs." in text


def test_what_is_searched_has_a_column_and_infonce_may_be_the_champion():
    space = {"loss/temperature": {"real": [0.01, 1]}}
    config = with_overrides(BASE, {"search/space": space})
    text = description(Told("made", Path("made"), config, [row(0, 0.3), row(1, 0.2)], "So far."))
    assert "| loss t | mrr |" in text
    assert re.search(r"^\| t0000 \|.*\| champion \|.* [\d.]+ \| 0.3000 \|$", text, re.MULTILINE)


def test_a_stopped_trial_is_no_failure_and_a_failed_one_ranks_last():
    table = [row(0, 0.9, TrialState.FAILED, note="ran out"), row(1, 0.2, TrialState.PRUNED)]
    assert [one.key for one in ranked(table)] == ["t0001", "t0000"]
    text = description(told(table))
    assert "| stopped early | by ASHA |" in text
    assert "0.9000" not in text


@pytest.mark.parametrize("count", [0, 1, 2000])
def test_a_description_is_whole_whatever_the_study_has(count):
    table = [row(n, 0.1, note=HOSTILE * 20) for n in range(count)]
    sides = [
        {"title": HOSTILE, "note": HOSTILE, "seeds": 5, "selected": None, "fresh": 0.1, "test": 0.1}
    ]
    text = description(told(table, HOSTILE, facts={"configurations": sides}, command=HOSTILE * 9))
    assert len(text) <= 7_400
    assert "#### Reproduce" in text
    outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    assert "<script>" not in outside
    assert "](javascript" not in outside.replace("\\](", "")
    assert not re.search(r"^# title", outside, re.MULTILINE)


def test_commands_are_typed_as_they_stand_whatever_the_study_is_called():
    table = [row(0, 0.3), row(1, 0.4, loss="soft-infonce")]
    text = description(Told("my study", Path("/studies/my study"), BASE, table, "So far."))
    assert "`softnce confirm 'my study'`" in text
    assert "`softnce report 'my study' --open`" in text


def test_the_environment_names_the_packages_and_no_password(monkeypatch):
    monkeypatch.setattr("sys.argv", ["softnce", "search", "--set", "tracking.uri=http://a:pwd1@h"])
    found = environment()
    assert found["packages"]["mlflow"].startswith("3.")
    assert found["command"] == "softnce search --set tracking.uri=http://***@h"
    assert source_tags()["mlflow.source.name"] == "softnce search"
    monkeypatch.setattr("sys.argv", ["/home/me/notebook.py"])
    assert source_tags()["mlflow.source.name"] == "Python"


def test_code_that_lies_in_no_clone_has_no_commit(tmp_path):
    assert git_commit(tmp_path) == {}
    (tmp_path / ".git").mkdir()  # a broken one
    assert git_commit(tmp_path) == {}
