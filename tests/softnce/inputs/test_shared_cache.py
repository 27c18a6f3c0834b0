"""Two processes fill one cache at once: each entry is whole, and both end well."""

import subprocess
import sys

import numpy as np
import pytest

from softnce.ragged import is_whole, open_array

FILLS = """
import sys
from pathlib import Path
import numpy as np
from softnce.ragged import is_whole, save_arrays

cache, kind = Path(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
for name in sys.stdin:  # one name each round, to both processes
    folder = cache / name.strip()
    save_arrays(folder, {"values": np.arange(200_000), "offsets": np.arange(100)})
    print(is_whole(folder), flush=True)
"""


def damaged(folder):
    folder.mkdir()
    (folder / "values.npy").write_bytes(b"cut off")


def absent(folder):
    """Leave the entry to be made."""


@pytest.mark.parametrize("before", [absent, damaged])
def test_two_processes_that_fill_one_entry_at_once_leave_it_whole(tmp_path, before):
    command = [sys.executable, "-c", FILLS, str(tmp_path), before.__name__]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    both = [subprocess.Popen(command, **pipes) for _ in range(2)]
    assert [one.stdout.readline() for one in both] == ["ready\n"] * 2
    for number in range(25):
        name = f"entry{number}"
        before(tmp_path / name)
        for one in both:
            one.stdin.write(f"{name}\n")
            one.stdin.flush()
        said = [one.stdout.readline() for one in both]
        assert "True\n" in said
        assert is_whole(tmp_path / name)
        assert np.array_equal(open_array(tmp_path / name, "values"), np.arange(200_000))
    for one in both:
        one.stdin.close()
        assert one.wait(timeout=60) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"entry{n}" for n in range(25)
    )
