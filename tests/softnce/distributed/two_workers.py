"""A script that is run by two workers at once, which meet at a port."""

import subprocess
import sys
from pathlib import Path

from tests.servers import free_port


def run_by_two(script: str, folder: Path) -> None:
    """Run a script as workers 0 and 1, with the arguments port, folder and rank, to their end."""
    command = [sys.executable, script, str(free_port()), str(folder)]
    workers = [subprocess.Popen([*command, rank]) for rank in "01"]
    assert [worker.wait(600) for worker in workers] == [0, 0]
