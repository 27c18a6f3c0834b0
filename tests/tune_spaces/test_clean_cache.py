"""Caches are freed wherever studies keep them, but none that a living search may be reading."""

import os
from pathlib import Path

import pytest

from softnce.config.file import to_yaml, validated
from softnce.errors import ConfigError
from softnce.weights.cache import cache_key
from tests.faults import softnce
from tune_spaces.cli import clean
from tune_spaces.study.folder import StudyFolder, enter_user, require_same
from tune_spaces.study.study_lock import held

KEY = cache_key("tokens")


def made_study(root, **resources):
    """A study as a search leaves it, with something in its cache."""
    config = validated({"data": {"path": "x"}, "resources": resources})
    folder = StudyFolder(root.resolve(), root.name)
    require_same(folder, config, "abc")
    cache = folder.cache(config)
    enter_user(folder, cache)
    (cache / KEY).mkdir(parents=True, exist_ok=True)
    (cache / KEY / "tokens.npy").write_bytes(b"x" * 5000)
    assert to_yaml(config) == (root / "config.yaml").read_text()
    return folder


@pytest.fixture
def cleaned(tmp_path, monkeypatch, capsys):
    """The command, in a folder of its own; returns what it prints."""
    monkeypatch.chdir(tmp_path)

    def run(study, *folders, dry_run=False):
        clean(study, [Path(one) for one in folders], dry_run)
        return capsys.readouterr().out

    return run


def test_the_caches_of_all_studies_here_go_but_not_that_of_a_running_one(tmp_path):
    still = made_study(tmp_path / "softnce-studies" / "still")
    busy = made_study(tmp_path / "softnce-studies" / "busy")
    with held(busy.optuna_study()):
        said = softnce("clean", "cache", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert not (still.root / "cache").exists()
    assert (busy.root / "cache" / KEY / "tokens.npy").exists()
    assert f"busy/cache is left alone: study busy: process {os.getpid()} on" in said.stdout
    assert "5.0 kB freed" in said.stdout


@pytest.mark.parametrize("place", ["mnt/studies/there", "mnt/studies", "mnt"])
def test_the_caches_of_studies_elsewhere_go_when_their_place_is_named(tmp_path, cleaned, place):
    there = made_study(tmp_path / "mnt" / "studies" / "there")
    assert "0 bytes freed" in cleaned("cache")
    assert "5.0 kB freed" in cleaned("cache", place)
    assert (there.root / "study.json").exists()
    assert not (there.root / "cache").exists()


def test_a_cache_outside_the_study_loses_only_what_softnce_wrote(tmp_path, cleaned):
    cache = tmp_path / "fast-disk"
    made_study(tmp_path / "one", cache=str(cache))
    for name in (f"{KEY}.json", f".{KEY}-torn", f"{KEY}-weights", "mine.npy", "0abc"):
        (cache / name).write_text("text")
    dry = cleaned("cache", "one", dry_run=True)
    assert "nothing was removed" in dry
    assert (cache / KEY).exists()
    cleaned("cache", "one")
    assert {path.name for path in cache.iterdir()} == {"mine.npy", "0abc", "studies.txt"}


def test_a_shared_cache_stays_while_any_of_its_studies_runs_wherever_that_lies(tmp_path, cleaned):
    cache = tmp_path / "shared"
    made_study(tmp_path / "one", cache=str(cache))
    other = made_study(tmp_path / "far" / "away", cache=str(cache))
    with held(other.optuna_study()):
        said = cleaned("cache", "one")
    assert "is left alone: study away" in said
    assert (cache / KEY).exists()
    cleaned("cache", "one")
    assert not (cache / KEY).exists()


def test_a_study_that_cannot_be_read_keeps_its_cache_and_the_others_do_not(tmp_path, cleaned):
    torn = made_study(tmp_path / "softnce-studies" / "torn")
    whole = made_study(tmp_path / "softnce-studies" / "whole")
    (torn.root / "config.yaml").write_text("data: [torn")
    said = cleaned("cache")
    assert "torn is left alone" in said
    assert (torn.root / "cache").exists()
    assert not (whole.root / "cache").exists()


def test_a_place_without_studies_and_folders_beside_a_study_are_refused(cleaned):
    with pytest.raises(ConfigError, match="neither a study nor a folder of studies"):
        cleaned("cache", ".")
    with pytest.raises(ConfigError, match="one study at a time"):
        cleaned("one", "two")
