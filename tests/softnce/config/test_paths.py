import pytest

from softnce.config.config import Config
from softnce.config.file import load_config, to_yaml, value_at, with_overrides
from softnce.errors import ConfigError
from softnce.weights.table import ESTIMATORS

TEXT = """
data: {path: pairs}
encoder: {kind: transformer, model: models/mine}
weights: {simcse: {model: org/start}}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Stand in a working folder beside the one of the configuration."""
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def there(here):
    return here.parent / "there"


def read(there, text=TEXT, *settings):
    (there / "a.yaml").write_text(text)
    return load_config(there / "a.yaml", settings)


def test_a_path_is_looked_for_beside_its_configuration_first(here, there):
    for folder in (here, there):
        (folder / "models" / "mine").mkdir(parents=True)
        (folder / "pairs").mkdir()
    config = read(there)
    assert config.data.path == str(there / "pairs")
    assert config.encoder.model == str(there / "models/mine")


def test_a_path_is_looked_for_in_the_working_folder_next(here, there):
    (here / "models" / "mine").mkdir(parents=True)
    (here / "pairs").write_text("")
    config = read(there)
    assert config.data.path == str(here / "pairs")
    assert config.encoder.model == str(here / "models/mine")


def test_what_is_in_neither_stays_for_the_hub_to_know(there):
    config = read(there)
    assert config.encoder.model == "models/mine"
    assert config.weights.simcse.model == "org/start"


def test_a_setting_of_the_command_line_means_the_working_folder(here, there):
    for folder in (here, there):
        (folder / "org" / "start").mkdir(parents=True)
        (folder / "pairs").mkdir()
    (there / "models" / "mine").mkdir(parents=True)
    config = read(
        there,
        TEXT,
        "data.path=pairs",
        "encoder.model=models/mine",
        "weights={simcse: {model: org/start}}",
    )
    assert config.data.path == str(here / "pairs")
    assert config.encoder.model == "models/mine"
    assert config.weights.simcse.model == str(here / "org/start")


def test_a_cache_that_is_not_there_yet_will_lie_in_the_working_folder(here, there):
    text = TEXT + "resources: {cache: kept/cache}\n"
    assert read(there, text).resources.cache == str(here / "kept/cache")
    (there / "kept" / "cache").mkdir(parents=True)
    assert read(there, text).resources.cache == str(there / "kept/cache")


def test_folders_to_mine_and_models_to_choose_from_are_found_too(here, there):
    (there / "code").mkdir()
    (there / "first").mkdir()
    (here / "second").mkdir()
    text = """
data: {mine: [code, "@environment"]}
encoder: {kind: transformer, model: first}
search: {space: {encoder/model: {choice: [first, second, org/third]}}}
"""
    config = read(there, text)
    assert config.data.mine == (str(there / "code"), "@environment")
    choice = config.search.space["encoder/model"]["choice"]
    assert choice == [str(there / "first"), str(here / "second"), "org/third"]


def test_a_file_is_no_model(here, there):
    (here / "models").mkdir()
    (here / "models" / "mine").write_text("")
    assert read(there).encoder.model == "models/mine"


def test_home_is_found_and_a_stranger_has_none(there, monkeypatch):
    monkeypatch.setenv("HOME", str(there))
    (there / "pairs").mkdir()
    assert read(there, "data: {path: ~/pairs}").data.path == str(there / "pairs")
    with pytest.raises(ConfigError, match=r"data\.path: ~no-one-at-all/x: no such user here"):
        read(there, "data: {path: ~no-one-at-all/x}")


def test_what_was_resolved_is_read_back_unchanged(here, there):
    (here / "models" / "mine").mkdir(parents=True)
    (here / "pairs").mkdir()
    config = read(there)
    again = read(there, to_yaml(config))
    assert isinstance(again, Config)
    assert again == config


@pytest.mark.parametrize("path", [one.pretrained for one in ESTIMATORS.values() if one.pretrained])
def test_the_model_of_every_estimator_is_found(there, path):
    (there / "start").mkdir()
    config = read(there, "data: {path: pairs}")
    (there / "b.yaml").write_text(to_yaml(with_overrides(config, {path: "start"})))
    assert value_at(load_config(there / "b.yaml"), path) == str(there / "start")


@pytest.mark.parametrize(
    ("uri", "resolved"),
    [
        ("sqlite:///runs/all.db", "sqlite:///{here}/runs/all.db"),
        ("sqlite:///known.db", "sqlite:///{there}/known.db"),
        ("sqlite:////abs/all.db", "sqlite:////abs/all.db"),
        ("./mlruns", "{here}/mlruns"),
        ("file:mlruns", "file:{here}/mlruns"),
        ("file:///abs/mlruns", "file:///abs/mlruns"),
        ("sqlite://", "sqlite://"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("postgresql://host/db", "postgresql://host/db"),
        ("databricks", "databricks"),
        ("", ""),
    ],
)
def test_a_local_store_is_the_same_from_wherever_the_study_goes_on(here, there, uri, resolved):
    (there / "known.db").touch()
    config = read(there, f"{TEXT}tracking: {{uri: '{uri}'}}\n")
    assert config.tracking.uri == resolved.format(here=here, there=there)
