"""Tables: named by all that they follow from; one that memory has no room for is not damaged."""

import subprocess
import sys
from dataclasses import replace

import numpy as np

from softnce.data.pairs import read_pairs
from softnce.inputs.tables import duplicate_tables
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


def test_duplicates_are_looked_for_anew_in_another_language(made_pairs, tmp_path):
    (tmp_path / "few.jsonl").write_text("\n".join(made_pairs.read_text().splitlines()[:40]))
    pairs, spoken = read_pairs(tmp_path / "few.jsonl"), "ruby"
    again = replace(pairs, train=tuple(replace(one, language=spoken) for one in pairs.train))
    assert again.digest == pairs.digest
    found = [duplicate_tables(one, tmp_path, lambda _: None) for one in (pairs, again, pairs)]
    assert found[0] == found[2] != found[1]
