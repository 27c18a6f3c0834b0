"""Folders that cannot be a study's: one line, and the right reason."""

from pathlib import Path

import pytest

from softnce.training.resource_errors import nothing_is_free
from tests.faults import softnce


@pytest.mark.parametrize(
    ("out", "code", "said"),
    [
        ("loop/study", 2, "a loop of symbolic links"),
        ("/proc/study", 3, "No such file or directory"),
        ("odd[/b]", 2, "odd[/b]: a file; name the folder of a study with --out"),
    ],
)
def test_an_impossible_folder_is_reported_in_one_line(made_pairs, tmp_path, out, code, said):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "odd[").mkdir()
    (tmp_path / "odd[" / "b]").write_text("a file")
    asked = tmp_path / "asked.yaml"
    asked.write_text(f"data: {{path: {made_pairs}}}\nloss: {{name: infonce}}\n")
    ended = softnce("search", str(asked), "--out", out, cwd=tmp_path)
    assert ended.returncode == code, ended.stderr
    assert said in ended.stderr
    assert "unexpected" not in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_a_file_system_without_any_size_is_not_full(tmp_path):
    assert not nothing_is_free(Path("/proc/study"))
    assert not nothing_is_free(tmp_path / "new")
