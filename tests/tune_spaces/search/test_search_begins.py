"""What a search writes before it is sure to run: nothing of another search's study."""

import io
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from rich.console import Console

import softnce
from softnce.config.file import validated
from softnce.errors import DataError, SetupError
from tune_spaces.search.search import search
from tune_spaces.study.folder import StudyFolder
from tune_spaces.study.lock.study_lock import held

TOO_LARGE = {  # it shows only once the study is held and its inputs are made
    "loss": {"name": "soft-infonce"},
    "weights": {"estimator": "simcse", "simcse": {"batch_size": 4096}},
}


def settings(pairs, **sections):
    given = {
        "data": {"path": str(pairs)},
        "encoder": {"vocabulary": 600, "dimensions": 32},
        "search": {"space": {}, "always_try": "infonce"},
    }
    return validated(given | sections)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_refused_second_search_changes_no_byte(made_pairs, tmp_path):
    folder = StudyFolder(tmp_path / "out", "study")
    with held(folder.optuna_study()):
        (folder.root / "config.yaml").write_text("trials: the first's\n")
        before = contents(folder.root)
        config = settings(made_pairs, search={"space": {}, "trials": 99})
        with pytest.raises(SetupError, match="is searching it"):
            search(config, out=folder.root, console=Console(quiet=True))
        assert contents(folder.root) == before


def test_too_few_pairs_are_refused_before_anything_is_written(made_pairs, tmp_path):
    config = settings(made_pairs, optim={"batch_size": 4096})
    with pytest.raises(DataError, match="do not fill one batch of 4096; lower"):
        search(config, out=tmp_path / "out", console=Console(quiet=True))
    assert not list(tmp_path.iterdir())


def test_code_that_is_not_there_is_refused_before_anything_is_written(tmp_path):
    config = validated({"data": {"mine": [str(tmp_path / "nowhere")]}})
    with pytest.raises(DataError, match="nowhere does not exist; name a folder or a file of code"):
        search(config, out=tmp_path / "out", console=Console(quiet=True))
    assert not list(tmp_path.iterdir())


def test_a_file_of_pairs_that_are_all_alike_is_told_so(made_pairs, tmp_path):
    path = tmp_path / "alike.jsonl"
    path.write_text(f"{made_pairs.read_text().splitlines()[0]}\n" * 200)
    config = settings(path)
    with pytest.raises(DataError, match=r"no validation queries, .*; add pairs that differ"):
        search(config, out=tmp_path / "out", console=Console(quiet=True))


@pytest.mark.parametrize("run", [search, softnce.search], ids=["command", "front door"])
def test_a_patient_search_begins_once_the_study_is_let_go(made_pairs, tmp_path, run):
    folder = StudyFolder(tmp_path / "out", "study")
    config = settings(made_pairs, **TOO_LARGE)
    page = io.StringIO()
    with ThreadPoolExecutor() as pool:
        with held(folder.optuna_study()):
            console = Console(file=page, width=300)
            second = pool.submit(run, config, out=folder.root, console=console, wait=True)
            until = time.monotonic() + 300
            while "waiting: study study: process" not in page.getvalue():
                assert time.monotonic() < until
                time.sleep(0.05)
        with pytest.raises(DataError, match="do not fill one batch"):  # and no refusal
            second.result(timeout=300)


def test_a_start_that_fails_leaves_its_setting_free_to_be_changed(made_pairs, tmp_path):
    config = settings(made_pairs, **TOO_LARGE)
    with pytest.raises(DataError, match="do not fill one batch"):
        search(config, out=tmp_path / "out", console=Console(quiet=True))
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert not left & {"study.json", "config.yaml", "trials"}
    assert "optuna.db" in left
