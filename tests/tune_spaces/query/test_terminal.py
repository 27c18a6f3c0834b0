"""On a real terminal: who gives no text is asked, and long work shows a bar."""

import os
import pty
import subprocess
import sys

import pytest

from tests.faults import SOFTNCE

WORK = """
import sys
from softnce.terminal.progress import late_progress
with late_progress(0.0) as tell:
    tell("encoding functions", 3, 9)
    sys.stdin.readline()
"""


def begun(command):
    """Start a command on a terminal of its own; return it with the terminal's other end."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"}
    )
    os.close(theirs)
    return process, ours


def shown_until(terminal, wanted):
    """Read what a terminal shows until some words are there, or it is closed."""
    shown = ""
    while wanted not in shown:
        try:
            shown += os.read(terminal, 65536).decode(errors="replace")
        except OSError:
            break
    assert wanted in shown, shown
    return shown


def test_a_person_is_asked_until_the_end_of_the_input(code_base, tmp_path):
    words = ["query", "bm25", str(code_base), "--cache", str(tmp_path / "cache"), "--top", "1"]
    process, terminal = begun([*SOFTNCE, *words])
    shown_until(terminal, "query> ")
    os.write(terminal, b"sort names\n")
    shown_until(terminal, "sort_names")
    shown_until(terminal, "query> ")
    os.write(terminal, b"\x04")
    assert process.wait(timeout=120) == 0
    os.close(terminal)


def test_long_work_shows_a_bar_on_a_terminal_and_nothing_elsewhere():
    process, terminal = begun([sys.executable, "-c", WORK])
    assert "encoding functions" in shown_until(terminal, "3/9")
    os.write(terminal, b"\n")
    assert process.wait(timeout=120) == 0
    os.close(terminal)
    piped = subprocess.run(
        [sys.executable, "-c", WORK], input="\n", capture_output=True, text=True, check=False
    )
    assert (piped.returncode, piped.stdout, piped.stderr) == (0, "", "")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_a_terminal_has_no_sign_for_is_shown_as_a_question_mark(tmp_path, encoding):
    code = tmp_path / "code.py"
    text = "def f(names):\n    # naïve … 名前\n    return sorted(names)\n"
    code.write_text(text, encoding="utf-8")
    ended = subprocess.run(
        [*SOFTNCE, "query", "bm25", str(code), "sorted names", "--cache", str(tmp_path / "cache")],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    wanted = {"ascii": "# na?ve ? ??", "latin-1": "# naïve ? ??"}[encoding]
    assert wanted in ended.stdout.decode(encoding)
