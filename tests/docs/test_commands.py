"""Every command of the pages, executed as it stands: one shell for each page, in its own folder.

A comment above a block marks what is left out: ``needs: cluster`` (or gpu, hub, time, a person),
and ``executed by: FILE`` where a test, or another page, does so. ``with: OPTIONS`` are appended to
the block's searches, so that they take seconds. A block of yaml or Python whose first line is a
comment with a file's name is that file.
"""

import csv
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import made_pair
from tests.docs.pages import PAGES, ROOT, blocks

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.slow]

PROLOGUE = 'set -euo pipefail\npip() { echo "pip $*: done when this environment was made"; }\n'
LEFT_OUT = ("needs", "executed by")
_SEARCH = re.compile(r"^(.*\bsoftnce search\b[^#\n]*)", re.MULTILINE)
_NAMED = re.compile(r"# ([\w-]+\.(?:yaml|py))\n")
EXECUTED = {
    page: [
        block
        for block in blocks(page, "sh", "python")
        if block.mark not in LEFT_OUT and not _NAMED.match(block.text)
    ]
    for page in PAGES
}


@pytest.fixture
def folder(tmp_path):
    """A folder with a home in it, in which there is some code; and a table of questions."""
    project = tmp_path / "home" / "src" / "project"
    for room in ("data", "terminal", "evaluation", "evidence"):
        shutil.copytree(ROOT / "softnce" / room, project / room)
    draw = random.Random(7)
    with (tmp_path / "pairs.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["question", "body"])
        for number in range(600):
            pair = made_pair(number, draw)
            table.writerow([pair["query"], pair["code"]])
    return tmp_path


@pytest.mark.parametrize(
    "page", [page for page in PAGES if EXECUTED[page]], ids=lambda page: page.name
)
def test_the_commands_of_a_page_run_as_they_stand(page, folder):
    for block in blocks(page, "yaml", "python"):
        if named := _NAMED.match(block.text):
            (folder / named[1]).write_text(block.text, encoding="utf-8")
    script = PROLOGUE + "\n".join(_typed(block) for block in EXECUTED[page])
    environment = {
        **os.environ,
        "HOME": str(folder / "home"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "UV_PROJECT": str(ROOT),
        "UV_NO_SYNC": "1",
    }
    ended = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    assert ended.returncode == 0, ended.stdout[-4000:]


def _typed(block):
    """Return what is typed in a shell to execute a block."""
    where = f"echo {shlex.quote(f'--- {block}')}\n"
    if block.language == "python":
        python = shlex.quote(sys.executable)
        return f"{where}{python} - <<'END OF BLOCK'\n{block.text}END OF BLOCK\n"
    if block.mark == "with":
        return where + _SEARCH.sub(lambda found: f"{found[1].rstrip()} {block.marked} ", block.text)
    return where + block.text
