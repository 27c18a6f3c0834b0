"""A study is opened as its folder tells it, or what is missing is named."""

import pytest
from rich.console import Console

from softnce.errors import ConfigError
from tune_spaces.study.context import stored_study_context


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "study.json").write_text("{}")
    return tmp_path


def test_a_study_that_has_not_begun_is_told_so(folder):
    with pytest.raises(ConfigError, match="no trial has begun yet; begin it with softnce search"):
        stored_study_context(str(folder), Console(quiet=True))


def test_a_study_whose_storage_is_gone_while_its_trials_lie_there_is_not_told_to_begin(folder):
    (folder / "trials" / "t0000").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"optuna\.db: gone, though trials of the study lie in"):
        stored_study_context(str(folder), Console(quiet=True))
