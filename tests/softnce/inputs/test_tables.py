"""A table that memory has no room for is not called damaged."""

import subprocess
import sys

import numpy as np

from softnce.ragged import save_arrays

OPENED = """
import resource, sys
from pathlib import Path
import psutil
from softnce.inputs.tables import array

limit = psutil.Process().memory_info().vms + 2**24
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    array(Path(sys.argv[1]), "values")
except OSError as error:
    sys.exit(error.errno)
"""


def test_memory_that_runs_out_is_told_from_a_damaged_table(tmp_path):
    save_arrays(tmp_path / "tokens", {"values": np.zeros(2**25, dtype=np.int32)})
    opened = subprocess.run(
        [sys.executable, "-c", OPENED, str(tmp_path / "tokens")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert opened.returncode == 12, opened.stderr  # ENOMEM
