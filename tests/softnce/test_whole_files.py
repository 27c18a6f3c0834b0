"""A small file is whole or as it was, whatever meets its writer."""

import json
import os
import subprocess
import sys

import pytest

from softnce.whole_files import replace_folder, share, write_json, write_text

WRITER = """
import resource, sys
from pathlib import Path
from softnce.whole_files import write_text
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
write_text(Path(sys.argv[1]), "x" * 5000)
"""


def test_the_former_file_stands_where_the_disk_takes_no_more(tmp_path):
    path = tmp_path / "config.yaml"
    write_text(path, "whole\n")
    ended = subprocess.run(
        [sys.executable, "-c", WRITER, str(path)], capture_output=True, text=True, check=False
    )
    assert "File too large" in ended.stderr
    assert path.read_text() == "whole\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_never_meets_half_of_a_file(tmp_path):
    path = tmp_path / "study.json"
    write_json(path, {"run": -1})
    reader = os.open(path, os.O_RDONLY)
    write_json(path, {"run": 0, "more": "x" * 10_000})
    assert json.loads(os.read(reader, 100)) == {"run": -1}
    os.close(reader)
    assert json.loads(path.read_text())["run"] == 0


def test_what_is_no_text_replaces_nothing(tmp_path):
    path = tmp_path / "study.json"
    write_json(path, {})
    with pytest.raises(TypeError):
        write_json(path, {"at": object()})
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\udcff")
    assert path.read_text() == "{}\n"
    assert list(tmp_path.iterdir()) == [path]


def test_files_that_are_equal_in_two_folders_are_stored_once(tmp_path):
    for folder, changed in (("model", "a"), ("copy", "b")):
        (tmp_path / folder / "1").mkdir(parents=True)
        for name, text in (("1/equal.bin", "same"), ("other.bin", changed), ("equal.txt", "same")):
            (tmp_path / folder / name).write_text(text)
    share(tmp_path / "model", tmp_path / "copy", "*.bin")
    once = {
        name: (tmp_path / "model" / name).samefile(tmp_path / "copy" / name)
        for name in ("1/equal.bin", "other.bin", "equal.txt")
    }
    assert once == {"1/equal.bin": True, "other.bin": False, "equal.txt": False}
    assert (tmp_path / "copy" / "other.bin").read_text() == "b"
    assert len(list((tmp_path / "copy").rglob("*"))) == 4


def test_the_former_folder_is_back_where_its_successor_cannot_take_its_place(tmp_path):
    folder = tmp_path / "champion"
    folder.mkdir()
    (folder / "weights").write_text("whole")
    with pytest.raises(FileNotFoundError):
        replace_folder(folder, tmp_path / "gone")
    assert (folder / "weights").read_text() == "whole"
    assert list(tmp_path.iterdir()) == [folder]
