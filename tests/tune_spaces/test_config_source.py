from pathlib import Path

import pytest

from softnce.config.file import load_config
from softnce.errors import ConfigError
from tune_spaces.sources.config import config_path, source_name


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
    with pytest.raises(ConfigError, match="nor a preset; choose one of the presets: "):
        config_path(name)


def test_a_study_is_named_after_its_file_and_with_a_preset_after_its_data():
    assert source_name(Path("my/search.yaml"), "pairs.csv") == "search"
    assert source_name(config_path("quick"), "my/pairs.csv") == "quick-pairs"
    assert source_name(config_path("quick"), None) == "quick"
