"""A configuration holds no password: it is refused where it is read, and not repeated."""

import traceback

import pytest
from pydantic import ValidationError

import softnce
from softnce.config.config import Config
from softnce.config.file import load_config, validated
from softnce.errors import ConfigError
from tests.faults import softnce as run_softnce

ADDRESSES = [
    "http://me:s3cr3t@host:5000",
    "https://me:s3cr3t/p@ss@host",
    "http://me:s3cr3t%2Fp%40ss@host",
    "https://s3cr3t@host",
    "postgresql://me:s3cr3t@host/db",
    "mysql+pymysql://me:s3cr3t@host/db",
    "postgresql://host/db?user=me&password=s3cr3t",
]


def require_one_line_without_it(error):
    said = str(error)
    assert "tracking.uri: holds a password" in said
    assert "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in said
    assert "s3cr3t" not in said
    assert "ss@" not in said
    assert "s3cr3t" not in "".join(traceback.format_exception(error))
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("uri", ADDRESSES)
def test_a_password_is_refused_in_a_file_a_setting_and_a_mapping(tmp_path, uri):
    path = tmp_path / "search.yaml"
    path.write_text(f"data: {{path: x}}\ntracking:\n  uri: {uri}\n")
    with pytest.raises(ConfigError, match=r"search.yaml:3: tracking") as in_file:
        load_config(path)
    path.write_text("data: {path: x}\n")
    with pytest.raises(ConfigError, match=r"--set tracking") as in_setting:
        load_config(path, [f"tracking.uri={uri}"])
    nested = {"data": {"path": "x"}, "tracking": {"uri": uri}}
    with pytest.raises(ConfigError) as in_mapping:
        validated(nested)
    with pytest.raises(ConfigError) as at_the_front_door:
        softnce.search(nested)
    for caught in (in_file, in_setting, in_mapping, at_the_front_door):
        require_one_line_without_it(caught.value)
    with pytest.raises(ValidationError) as of_pydantic:
        Config.model_validate(nested)
    assert "s3cr3t" not in str(of_pydantic.value)


@pytest.mark.parametrize(
    "text",
    [
        "tracking: http://me:s3cr3t@host",
        "tracking: {url: 'http://me:s3cr3t@host'}",
        "tracking: {uri: ['http://me:s3cr3t@host']}",
        "tracking: {experiment: {uri: 'http://me:s3cr3t@host'}}",
        "optim: {epochs: 'http://me:s3cr3t@host'}",
        "loss: {name: 'http://me:s3cr3t@host'}",
    ],
)
def test_a_password_in_a_wrong_place_is_not_repeated(tmp_path, text):
    path = tmp_path / "search.yaml"
    path.write_text(f"data: {{path: x}}\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    "setting",
    ["tracking.uri:http://me:s3cr3t@h", "tracking.uri={http://me:s3cr3t@h", "http://me:s3cr3t@h=1"],
)
def test_a_setting_that_cannot_be_read_is_shown_without_its_password(tmp_path, setting):
    path = tmp_path / "search.yaml"
    path.write_text("data: {path: x}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path, [setting])
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("uri", ["sqlite:////home/me@work/x.db", "postgresql://me@host/db"])
def test_an_address_without_password_is_taken(uri):
    nested = {"data": {"path": "x"}, "tracking": {"uri": uri}}
    assert validated(nested).tracking.uri == uri


def test_the_traceback_of_debug_holds_no_password(tmp_path):
    (tmp_path / "search.yaml").write_text("data: {path: x}\n")
    setting = "tracking.uri=postgresql://me:s3cr3t/p@ss@host/db"
    ended = run_softnce("search", "search.yaml", "--set", setting, "--debug", cwd=tmp_path)
    assert ended.returncode != 0
    assert "Traceback" in ended.stderr
    assert "holds a password" in ended.stderr
    assert "s3cr3t" not in ended.stdout + ended.stderr
