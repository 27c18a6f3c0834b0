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


def refused(arguments, tmp_path):
    wish = [*arguments, "--out", str(tmp_path / "set"), "--workers", "1"]
    with pytest.raises(DataError) as caught:
        CliRunner().invoke(data_app, ["mine", *wish], catch_exceptions=False)
    assert caught.value.exit_code == 2
    assert not list(tmp_path.glob("set/*"))
    return str(caught.value)


def test_an_unknown_language_is_refused_with_the_nearest_one(tmp_path):
    message = refused([str(CODE), "--language", "pyhton"], tmp_path)
    assert "'pyhton' cannot be mined; did you mean python?" in message
    assert "\n" not in message


def test_a_folder_without_any_function_is_refused_with_what_was_found(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.go").write_text("package a\n")
    (tmp_path / "src" / "loop").symlink_to(tmp_path / "src")
    message = refused([str(tmp_path / "src")], tmp_path)
    assert "1 files, 0 functions" in message
    assert "\n" not in message


def test_a_folder_without_any_code_is_refused_by_name(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "notes.txt").write_text("nothing")
    assert f"file below {tmp_path / 'src'}" in refused([str(tmp_path / "src")], tmp_path)


def test_several_languages_are_counted_apart(tmp_path):
    body = "(a) {\n  let b = a;\n  let c = b;\n  return c;\n}\n"
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.js").write_text(f"/** Adds them all up. */\nfunction f{body}")
    (tmp_path / "src" / "a.ts").write_text(f"/** Takes two of them away. */\nfunction g{body}")
    wish = ["mine", str(tmp_path / "src"), "--out", str(tmp_path / "set"), "--workers", "1"]
    result = CliRunner().invoke(data_app, wish)
    assert result.exit_code == 0, result.output
    assert "javascript pairs" in result.output
    assert "typescript pairs" in result.output
