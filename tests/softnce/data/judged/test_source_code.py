"""A folder of code is a set: its docstrings ask, and no answer holds its own question."""

import os

import pytest

from softnce.data.judged.judged_set import SetOptions
from softnce.data.judged.read import read_evaluation_set
from softnce.errors import DataError
from tests.softnce.code_index.conftest import code_base  # noqa: F401  (a fixture)

GO = """package net

// Dial opens a connection to the host and waits for its answer.
func Dial(host string) int {
\tx := len(host)
\tx += 1
\treturn x
}
"""


@pytest.mark.parametrize("docstrings", ["auto", "strip", "keep"])
def test_each_docstring_asks_for_its_own_function_among_all(code_base, docstrings):  # noqa: F811
    (code_base / "net" / "dial.go").write_text(GO)
    found = read_evaluation_set(code_base, SetOptions(docstrings=docstrings))
    (codebase,) = found.codebases
    asked = {one.text: (*one.grades, one.language) for one in codebase.queries}
    assert asked == {
        "Read a table of numbers from a file.": ("read.py#L2-L5", "python"),
        "Open a connection to a host.": ("net/socket.py#L8-L12", "python"),
        "opens a connection to the host and waits for its answer.": ("net/dial.go#L4-L8", "go"),
    }
    assert found.is_mined
    assert codebase.codes.keys() > {"net/socket.py#L14-L14", "net/sort.py#L1-L2"}
    told = [
        one.text.rstrip(".") in code.text
        for one in codebase.queries
        for code in codebase.codes.values()
    ]
    assert any(told) == (docstrings == "keep")
    assert found.dropped == {"test files": 1}


def test_a_docstring_of_two_functions_is_answered_by_both(code_base):  # noqa: F811
    text = (code_base / "read.py").read_text()
    (code_base / "write.py").write_text(text.replace("read_table", "load_table"))
    found = read_evaluation_set(code_base, SetOptions())
    answers = [set(one.grades) for one in found.codebases[0].queries if "Read" in one.text]
    assert answers == [{"read.py#L2-L5", "write.py#L2-L5"}]


def test_files_that_cannot_be_read_are_counted_and_sets_stay_sets(code_base, tmp_path):  # noqa: F811
    os.mkfifo(code_base / "pipe.py")
    (code_base / "latin.py").write_bytes(b"def caf\xe9(): pass\n")
    found = read_evaluation_set(code_base, SetOptions())
    assert found.dropped["files that cannot be read: not a regular file"] == 1
    assert found.dropped["files that cannot be read: not UTF-8 (byte 7)"] == 1
    assert read_evaluation_set(code_base / "read.py", SetOptions()).whole == (1, 1)
    (tmp_path / "bare.py").write_text("x = 1\n")
    with pytest.raises(DataError, match="with a right answer, so nothing can be evaluated"):
        read_evaluation_set(tmp_path / "bare.py", SetOptions())
    (code_base / "train.jsonl").write_text("")
    with pytest.raises(DataError, match=r"test|empty"):
        read_evaluation_set(code_base, SetOptions())
