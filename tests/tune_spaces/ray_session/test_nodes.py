"""A study lies where all nodes see it, and where it stays after its job."""

import pytest

from softnce.errors import SetupError
from tune_spaces.ray_session import session
from tune_spaces.ray_session.nodes import require_kept


@pytest.fixture
def copy_of_a_job(tmp_path, monkeypatch):
    folder = tmp_path / "runtime_resources" / "working_dir_files" / "_ray_pkg_1"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def test_a_study_in_the_copy_that_a_job_runs_in_is_refused(copy_of_a_job):
    with pytest.raises(SetupError, match=r"would go with it.*resources.storage_path"):
        require_kept(copy_of_a_job / "softnce-studies" / "tiny")


def test_a_study_elsewhere_is_kept(copy_of_a_job, tmp_path):
    require_kept(tmp_path / "studies" / "tiny")
    del copy_of_a_job


def test_a_study_on_this_machine_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    require_kept(tmp_path / "softnce-studies" / "tiny")


def test_a_process_that_is_no_job_has_no_submission_id(monkeypatch):
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)
    assert session.submission_id() is None


def test_a_job_knows_its_submission_id(monkeypatch):
    told = '{"runtime_env": {}, "metadata": {"job_submission_id": "softnce-tiny-1"}}'
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", told)
    assert session.submission_id() == "softnce-tiny-1"
