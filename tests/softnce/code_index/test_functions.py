"""Functions are taken as they stand: with decorators and docstrings, and names of classes."""

import os

from softnce.code_index.functions import file_functions
from softnce.data.mining.functions import at_the_margin
from softnce.data.source_code.languages.python import PYTHON


def test_a_method_keeps_its_decorator_and_docstring_and_is_named_with_its_class(code_base):
    path = code_base / "net" / "socket.py"
    connect, close = file_functions(path, PYTHON).functions
    assert (connect.name, connect.lines, connect.begins) == ("Socket.connect", (8, 12), 6)
    assert (close.name, close.lines) == ("Socket.close", (14, 14))
    text = at_the_margin(path.read_bytes(), connect.span)
    assert text.startswith('@functools.cache\n# made once\ndef connect(self, host):\n    """Open')
    assert text.endswith("    return retry")


def test_line_ends_of_another_system_make_no_other_text(code_base):
    path = code_base / "read.py"
    (before,) = file_functions(path, PYTHON).functions
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    (after,) = file_functions(path, PYTHON).functions
    assert after.digest == before.digest
    assert after.span != before.span


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "latin.py").write_bytes(b"def caf\xe9(): pass\n")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "loop.py").symlink_to(tmp_path / "loop.py")
    with (tmp_path / "line.py").open("wb") as file:
        file.truncate(1 << 30)  # one line of a gigabyte, none of it on the disk
    faults = {path.stem: file_functions(path, PYTHON).fault for path in sorted(tmp_path.iterdir())}
    assert faults == {
        "latin": "not UTF-8 (byte 7)",
        "line": "larger than 1 MB",
        "loop": "Too many levels of symbolic links",
        "pipe": "not a regular file",
    }
