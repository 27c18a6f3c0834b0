"""A command that is interrupted while it is still importing ends without a traceback."""

import subprocess
import sys
import time

import pytest

COMMAND = [sys.executable, "-c", "from softnce.command import main; print(flush=True); main()"]


@pytest.mark.parametrize("seconds", [0.0, 0.2, 0.6])
def test_an_interrupt_while_it_imports_shows_no_traceback(seconds):
    command = subprocess.Popen(
        [*COMMAND, "data", "mine", "nowhere", "--out", "pairs"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert command.stdout.readline() == "\n"  # Python is up, and the command begins
    time.sleep(0.02 + seconds)
    command.send_signal(2)
    _, errors = command.communicate(timeout=60)
    assert "Traceback" not in errors
    assert command.returncode in (-2, 130, 2)  # 2: it was faster, and found no such folder


def test_it_is_the_installed_command():
    from importlib.metadata import entry_points

    (entry,) = entry_points(group="console_scripts", name="softnce")
    assert entry.value == "softnce.command:main"
