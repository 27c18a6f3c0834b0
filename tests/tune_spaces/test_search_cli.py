import pytest

from softnce.errors import ConfigError
from tests.faults import softnce
from tune_spaces.cli import seconds


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
def test_a_configuration_without_a_space_is_told_before_data_are_read(tmp_path, trials, is_told):
    asked = tmp_path / "asked.yaml"
    asked.write_text("data: {path: none.jsonl}\nloss: {name: infonce}\n")
    words = ["--trials", str(trials), "--set", "search.always_try=infonce"]
    said = softnce("search", str(asked), *words, cwd=tmp_path)
    assert said.returncode == 2
    told = "search.space is empty, so only 2 of 6 trials can run; name what to search"
    assert (told in said.stdout) == is_told, said.stdout
