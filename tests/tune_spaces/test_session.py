"""Ray for one search: protected where it can be, and never half-protected."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os, sys
from pathlib import Path
{first}
from tune_spaces import session
capacity = session.start_ray(Path(sys.argv[1]) / "softnce.log")
assert capacity.cpus >= 1
print(len(os.environ.get("RAY_AUTH_TOKEN", "")))
session.stop_ray()
"""


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize(("first", "said"), [("", "64"), ("import ray", "0")])
def test_a_local_cluster_has_our_token_unless_ray_was_imported_before(tmp_path, first, said):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_AUTH")}
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(first=first), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == said


def test_the_search_does_not_import_ray_before_it_has_made_its_token():
    script = "import sys, tune_spaces.search; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
