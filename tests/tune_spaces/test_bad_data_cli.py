"""A fault of a data set is one line with its file and line, exit code 2, and nothing written."""

import gzip
import json
import os
import sys

import pytest

from softnce.__main__ import main
from softnce.data import tables


def row(number, **more):
    code = f"def f{number}(a):\n    return a + {number}\n"
    return {"query": f"add number {number} to it", "code": code, "url": f"u{number}", **more}


def lines(path, rows):
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))


def not_utf8(folder):
    (folder / "test.jsonl").write_bytes(b'{"query": "a b c", "code": "\xff"}\n')


def long_line(folder):
    lines(folder / "test.jsonl", [row(1), row(2, note="x" * 3000), row(3)])


def long_line_of_a_table(folder):
    (folder / "test.csv").write_text(f"query,code\na b c,x\na b d,{'x' * 3000}\n")


def cut_off(folder):
    content = gzip.compress("".join(json.dumps(row(n)) + "\n" for n in range(400)).encode())
    (folder / "test.jsonl.gz").write_bytes(content[:-30])


def twice(folder):
    lines(folder / "test.jsonl", [row(1)])
    lines(folder / "codebase.jsonl", [row(1), row(2), {**row(3), "url": "u1"}])


def unanswered(folder):
    lines(folder / "test.jsonl", [row(1), row(9)])
    lines(folder / "codebase.jsonl", [row(1), row(2)])


def pipe(folder):
    os.mkfifo(folder / "test.jsonl")


def loop(folder):
    (folder / "test.jsonl").symlink_to("test.jsonl")


def sound(folder):
    lines(folder / "test.jsonl", [row(n) for n in range(3)])


FAULTS = {
    not_utf8: r"test.jsonl:1: not UTF-8",
    long_line: r"test.jsonl:2: a line of more than 0 MB",
    long_line_of_a_table: r"test.csv:3: a line of more than 0 MB; split the table",
    cut_off: r"test.jsonl.gz:",
    twice: r"codebase.jsonl:3: an id that another code has, too: u1",
    pipe: r"test.jsonl is a folder, a pipe, a device or a broken link, not a file",
    loop: r"test.jsonl is a folder, a pipe, a device or a broken link, not a file",
    unanswered: r"test.jsonl:2: not in the codebase: u9",
}


def ended(monkeypatch, capsys, folder, *words):
    (folder / "empty").mkdir()
    monkeypatch.chdir(folder / "empty")
    monkeypatch.setattr(tables, "MAX_LINE", 2000)
    monkeypatch.setattr(sys, "argv", ["softnce", *words])
    with pytest.raises(SystemExit) as ending:
        main()
    told = capsys.readouterr()
    assert not list((folder / "empty").iterdir())
    assert told.out == ""
    (complaint,) = [one for one in told.err.splitlines() if one.startswith("error: ")]
    assert ending.value.code == 2
    return complaint


@pytest.mark.parametrize("spoil", FAULTS)
def test_a_bad_set_is_told_with_file_and_line(monkeypatch, capsys, tmp_path, spoil):
    (tmp_path / "set").mkdir()
    spoil(tmp_path / "set")
    words = ("evaluate", "bm25", str(tmp_path / "set"), "--out", "queries.parquet")
    assert FAULTS[spoil] in ended(monkeypatch, capsys, tmp_path, *words)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("data.columns.code=body", "test.jsonl:1: no column 'body' for 'code'; the columns are: "),
        ("data.columns.body=code", "data.columns"),
    ],
)
def test_a_mapping_that_names_no_column_is_told(monkeypatch, capsys, tmp_path, setting, said):
    (tmp_path / "set").mkdir()
    sound(tmp_path / "set")
    words = ("evaluate", "bm25", str(tmp_path / "set"), "--set", setting)
    assert said in ended(monkeypatch, capsys, tmp_path, *words)


def test_the_few_rows_left_out_are_named_with_their_lines(monkeypatch, capsys, tmp_path):
    lines(tmp_path / "test.jsonl", [row(n) for n in range(30)])
    lines(tmp_path / "codebase.jsonl", [row(n) for n in range(29)])
    monkeypatch.setattr(sys, "argv", ["softnce", "evaluate", "bm25", str(tmp_path)])
    with pytest.raises(SystemExit) as ending:
        main()
    told = " ".join(capsys.readouterr().out.split())
    assert ending.value.code == 0
    assert "1 x not in the codebase" in told
    assert "test.jsonl:30: not in the codebase: u29" in told


@pytest.mark.parametrize("spoil", [not_utf8, cut_off, twice, long_line])
def test_a_search_on_it_leaves_no_study(monkeypatch, capsys, tmp_path, spoil):
    (tmp_path / "set").mkdir()
    spoil(tmp_path / "set")
    words = ("search", "--set", f"data.path={tmp_path / 'set'}", "--trials", "1", "-q")
    assert FAULTS[spoil] in ended(monkeypatch, capsys, tmp_path, *words)
