"""The folder of a local Ray cluster goes with its search, or with the next one."""

import subprocess
import sys

import pytest

from softnce.errors import SetupError
from tune_spaces.ray_session.folders import remove_dead, session_folder

HOLDER = """
import sys, time
from pathlib import Path
from tune_spaces.ray_session.folders import session_folder
with session_folder(Path(sys.argv[1])) as folder:
    (folder / "log").write_text("x")
    print(folder, flush=True)
    time.sleep(3600)
"""


@pytest.fixture
def holder(tmp_path):
    """A search of its own process in whose folder something lies."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()


def test_the_folder_of_a_killed_search_goes_with_the_next_and_that_of_a_living_one_stays(
    tmp_path, holder
):
    (one,) = tmp_path.iterdir()
    with session_folder(tmp_path) as mine:
        assert mine != one
        assert (one / "log").exists()
    holder.kill()
    holder.wait()
    with session_folder(tmp_path) as mine:
        assert list(tmp_path.iterdir()) == [mine]
    assert not list(tmp_path.iterdir())


def test_what_is_not_ours_stays(tmp_path):
    foreign = tmp_path / "ray-abcdefgh"
    foreign.mkdir()
    (foreign / "log").write_text("x")
    target = tmp_path / "mine"
    target.mkdir()
    (target / ".softnce-search").touch()
    (tmp_path / "ray-linked").symlink_to(target)
    remove_dead(tmp_path)
    assert (foreign / "log").exists()
    assert (target / ".softnce-search").exists()


def test_a_folder_that_an_error_names_is_left_to_its_reader(tmp_path):
    with pytest.raises(SetupError), session_folder(tmp_path) as folder:
        raise SetupError(f"see the logs in {folder}")
    remove_dead(tmp_path)
    assert folder.is_dir()
