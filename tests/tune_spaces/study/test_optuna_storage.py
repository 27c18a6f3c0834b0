"""A study's storage appears whole and once, and is not begun anew over trials that lie there."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from softnce.errors import ConfigError
from tune_spaces.study.folder import StudyFolder
from tune_spaces.study.optuna_storage import study_id

BEGIN = """
import sys
from pathlib import Path
from tune_spaces.study.folder import StudyFolder
from tune_spaces.study.optuna_storage import study_id

folder = StudyFolder(Path(sys.argv[1]), "made")
sys.stdin.readline()
print(study_id(folder.optuna_study()))
"""


def test_searches_that_begin_at_once_find_one_storage(tmp_path):
    command = [sys.executable, "-c", BEGIN, str(tmp_path / "study")]
    begun = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for one in begun:
        one.stdin.write("go\n")
        one.stdin.flush()
    told = [one.communicate(timeout=300) for one in begun]
    assert [one.returncode for one in begun] == [0, 0, 0, 0], told
    ids = {out.strip() for out, _ in told}
    assert len(ids) == 1
    assert len(ids.pop()) == 32
    assert [path.name for path in (tmp_path / "study").iterdir()] == ["optuna.db"]


def test_a_study_keeps_its_id_and_another_of_its_name_has_another(tmp_path):
    first, other = (StudyFolder(tmp_path / name, "made") for name in ("first", "other"))
    told = study_id(first.optuna_study())
    assert study_id(first.optuna_study()) == told
    assert study_id(first.stored_study()) == told
    assert study_id(other.optuna_study()) != told


@pytest.mark.parametrize("is_there", [False, True], ids=["gone", "empty"])
def test_a_storage_that_is_lost_while_trials_lie_there_is_not_begun_anew(tmp_path, is_there):
    folder = StudyFolder(tmp_path / "study", "made")
    folder.trial("t0003").mkdir(parents=True)
    if is_there:
        (folder.root / "optuna.db").touch()
    with pytest.raises(ConfigError) as told:
        folder.optuna_study()
    assert "though trials of the study lie in" in told.value.found
    assert told.value.cure == "restore it, or start another study with --out NEW_FOLDER"
    assert folder.trial("t0003").is_dir()
    assert not is_there or not (folder.root / "optuna.db").stat().st_size


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE trial_user_attributes SET value_json = '7' WHERE key = 'values'",
        "UPDATE trial_user_attributes SET value_json = '[]' WHERE key = 'role'",
        "UPDATE trial_values SET value_type = 'INF_POS'",
        "DELETE FROM trial_values",
    ],
)
def test_a_storage_with_values_that_no_search_writes_is_not_readable(tmp_path, damage):
    folder = StudyFolder(tmp_path, "mine")
    study = folder.optuna_study()
    trial = study.ask()
    for name, value in (("values", {}), ("role", "search")):
        trial.set_user_attr(name, value)
    study.tell(trial, 0.5)
    with closing(sqlite3.connect(tmp_path / "optuna.db")) as connection, connection:
        connection.execute(damage)
    for opening in (folder.stored_study, folder.optuna_study):
        with pytest.raises(ConfigError, match="not a readable study storage; restore it"):
            opening()


OPEN = """
import sys
from pathlib import Path
from tune_spaces.study.folder import StudyFolder
StudyFolder(Path(sys.argv[1]), "another").optuna_study()
"""


def test_a_storage_that_may_not_be_written_is_named(tmp_path):
    StudyFolder(tmp_path, "mine").optuna_study()
    (tmp_path / "optuna.db").chmod(0o444)
    tmp_path.chmod(0o555)
    bound = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-all"]  # root may write it else
    as_others = bound if os.geteuid() == 0 else []
    if as_others and shutil.which("setpriv") is None:
        pytest.skip("needs setpriv, to be root without its powers")
    ended = subprocess.run(
        [*as_others, sys.executable, "-c", OPEN, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    tmp_path.chmod(0o755)
    assert "optuna.db: this user may not write it; make it writable" in ended.stderr
