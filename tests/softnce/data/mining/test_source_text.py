import os
import socket

import pytest

from softnce.data.mining.function_extraction import Source, extract
from softnce.data.mining.mine import mine
from softnce.data.pairs import read_pairs
from softnce.errors import DataError

FUNCTION = (
    'def compute(a):\n    """Compute the thing now."""\n    b = {}\n    c = b\n    return c\n'
)


def project(folder, files=4):
    for number in range(files):
        path = folder / f"part{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(FUNCTION.format(f"a{number} + b{number} * c{number}"))
    return folder


def faults(folder, tmp_path):
    return dict(mine([folder], tmp_path / "out", workers=1).unreadable)


def extracted(tmp_path, text, **how):
    path = tmp_path / "a.py"
    path.write_text(text)
    return extract(Source(path, "a.py", "a", "python"), **how)


@pytest.mark.parametrize("kind", ["fifo", "socket", "device"])
def test_only_regular_files_are_opened(tmp_path, kind):
    folder = project(tmp_path / "src")
    odd = folder / "odd.py"
    with socket.socket(socket.AF_UNIX) as server:
        if kind == "fifo":
            os.mkfifo(odd)
        elif kind == "socket":
            server.bind(str(odd))
        else:
            odd.symlink_to("/dev/zero")
        assert faults(folder, tmp_path) == {"odd.py": "not a regular file"}


def test_a_path_that_is_no_file_or_folder_is_refused_by_name(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(DataError, match=r"pipe\.py.*1 not a regular file"):
        mine([tmp_path / "pipe.py"], tmp_path / "out")


@pytest.mark.parametrize("opened", ["(", "[{", "f({"])
def test_brackets_deeper_than_any_python_are_not_parsed(tmp_path, opened):
    found = extracted(tmp_path, FUNCTION.format(opened * 200_000))
    assert found.fault == "nested deeper than 1000 brackets"


@pytest.mark.parametrize("noise", ["*" * 200_000, ")" * 200_000])
def test_an_error_without_end_is_not_searched(tmp_path, noise):
    assert "a syntax error over more" in extracted(tmp_path, FUNCTION.format(noise)).fault


@pytest.mark.parametrize("slow", ["\\\n" * 200_000 + "1", "1\n" + "    # so it is\n" * 60_000])
def test_a_file_that_takes_long_is_given_up_and_the_next_is_read(tmp_path, slow):
    assert "longer than 0.2 s" in extracted(tmp_path, FUNCTION.format(slow), seconds=0.2).fault
    assert len(extracted(tmp_path, FUNCTION.format("a")).functions) == 1


@pytest.fixture
def deep(tmp_path):
    folder = tmp_path / "src"
    folder.mkdir()
    for _ in range(1_200):
        folder /= "a"
        folder.mkdir()
    yield folder
    while folder != tmp_path:  # shutil.rmtree calls itself, and would run out of stack
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        folder = folder.parent


def test_folders_deeper_than_the_stack_of_calls_are_walked(tmp_path, deep):
    (deep / "b.py").write_text(FUNCTION.format("deep * down"))
    assert mine([tmp_path / "src"], tmp_path / "out").pairs["train"] == 1


def test_a_file_name_that_is_not_utf_8_is_written_with_its_bytes_named(tmp_path):
    folder = project(tmp_path / "src")
    (folder / os.fsdecode(b"caf\xe9.py")).write_text(FUNCTION.format("odd"))
    report = mine([folder], tmp_path / "out")
    found = read_pairs(tmp_path / "out")
    assert found.digest == report.digest
    assert "caf\\xe9.py#L1-L5" in {pair.id for pair in found.train} | set(found.candidate_ids)
