from pathlib import Path

import pytest
from typer.testing import CliRunner

from softnce.cli import data_app
from softnce.data.pairs import read_pairs
from softnce.errors import DataError

CODE = Path(__file__).resolve().parents[2] / "softnce"


def test_mining_shows_what_was_dropped_and_what_to_type_next(tmp_path):
    out = tmp_path / "set"
    result = CliRunner().invoke(data_app, ["mine", str(CODE), "--out", str(out), "--workers", "1"])
    assert result.exit_code == 0, result.output
    assert "no docstring" in result.output
    assert f"softnce search --set data.path={out}" in result.output
    assert len(read_pairs(out).train) > 20


def test_the_environment_can_be_named(tmp_path):
    wish = ["mine", "@environment", "--out", str(tmp_path / "set"), "--max-pairs", "50"]
    result = CliRunner().invoke(data_app, [*wish, "--workers", "1"])
    assert result.exit_code == 0, result.output


def test_a_wrong_path_reaches_the_top_as_an_error_to_mend(tmp_path):
    wish = ["mine", "nowhere", "--out", str(tmp_path / "set")]
    with pytest.raises(DataError, match="nowhere does not exist"):
        CliRunner().invoke(data_app, wish, catch_exceptions=False)
