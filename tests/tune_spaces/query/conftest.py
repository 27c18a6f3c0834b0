"""``softnce query`` in this process, on the code base of the unit tests."""

import sys

import pytest

from softnce.__main__ import main
from tests.softnce.code_index.conftest import code_base, static_folder  # noqa: F401  (fixtures)


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the command with a cache of its own; return its code and what it said."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def ended(*words):
        monkeypatch.setattr(sys, "argv", ["softnce", *map(str, words)])
        with pytest.raises(SystemExit) as ending:
            main()
        return ending.value.code, *capsys.readouterr()

    return ended
