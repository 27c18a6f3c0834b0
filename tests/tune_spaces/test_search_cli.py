from pathlib import Path

import pytest

from softnce.config.file import load_config
from softnce.errors import ConfigError
from tune_spaces.cli import config_path, seconds


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


def test_without_a_name_the_quick_preset_is_taken():
    assert config_path(None) == config_path("quick")
    assert load_config(config_path(None)).data.mine == ("@environment",)


def test_a_file_goes_before_a_preset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("quick").write_text("data: {path: x}")
    assert config_path("quick") == Path("quick")


def test_a_folder_of_a_presets_name_is_not_taken_for_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("quick").mkdir()
    assert config_path("quick").is_file()


def test_a_yaml_name_is_a_file_even_where_there_is_none():
    assert config_path("none.yml") == Path("none.yml")


@pytest.mark.parametrize("name", ["quik", "..", "/tmp"])
def test_an_unknown_name_is_refused_with_the_presets(name):
    with pytest.raises(ConfigError, match="neither a YAML file nor a preset; the presets are: "):
        config_path(name)
