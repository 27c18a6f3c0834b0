"""What only looks at a study starts at once: it imports no MLflow, Ray, torch or scikit-learn."""

import subprocess
import sys

import pytest

from softnce.config.file import validated
from tune_spaces.study.fingerprint import require_same
from tune_spaces.study.folder import StudyFolder
from tune_spaces.tracking.event_log import EventLog

RUN = """
import sys
from softnce.__main__ import main
try:
    main()
except SystemExit as ending:
    print("exit", ending.code)
heavy = {"mlflow", "pandas", "pyarrow", "ray", "scipy", "sklearn", "torch", "transformers"}
print("imported", *sorted(heavy & set(sys.modules)))
"""


@pytest.fixture
def study(tmp_path):
    """A study whose search was killed before its first trial, with an event that waits."""
    folder = StudyFolder(tmp_path / "study", "study")
    folder.optuna_study()
    require_same(folder, validated({"data": {"path": "pairs.csv"}}), "digest")
    folder.log.write_text("the log\n")
    EventLog(folder.root).append({"kind": "report", "key": "t0000", "epoch": 1, "metrics": {}})
    return str(folder.root)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.long
def test_a_finished_study_is_told_again_without_a_heavy_import(made_pairs, tmp_path):
    words = ["search", "--set", f"data.path={made_pairs}", "--set", "search.always_try=infonce"]
    words += ["--set", "search.trials=1", "--set", "optim.epochs=1", "--out", str(tmp_path / "out")]
    command = [sys.executable, "-c", RUN, *words]
    first, again = (
        subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)
    )
    assert first.splitlines()[-2] == "exit 0"
    assert {"mlflow", "ray", "torch"} <= set(first.splitlines()[-1].split())
    assert "reading" in first
    assert "reading" not in again  # its pairs are known by the bytes of their file
    assert again.splitlines()[-2:] == ["exit 0", "imported"]
    assert (
        first.split("trial ")[-1].splitlines()[:-2] == again.split("trial ")[-1].splitlines()[:-2]
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["report"], "1 events have not reached MLflow"),
        (["clean", "--dry-run"], "nothing was removed"),
        (["clean"], "freed"),
        (["logs"], "the log"),
    ],
)
def test_who_looks_at_a_study_waits_for_no_heavy_import(study, words, said):
    verb, *options = words
    command = [sys.executable, "-c", RUN, verb, study, *options]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert said in ended.stdout
    assert ended.stdout.splitlines()[-2:] == ["exit 0", "imported"]
