"""Caches are freed wherever studies keep them, but none that a living search may be reading."""

import os
from pathlib import Path

import pytest

from softnce.config.file import to_yaml, validated, with_overrides
from softnce.errors import ConfigError
from softnce.weights.cache import cache_key
from tests.faults import softnce
from tune_spaces.commands.search import clean
from tune_spaces.study.caches import MARKER, open_cache, require_cache, users_of
from tune_spaces.study.fingerprint import require_same
from tune_spaces.study.folder import StudyFolder
from tune_spaces.study.lock.study_lock import held

KEY = cache_key("tokens")


def made_study(root, **resources):
    """A study as a search leaves it, with something in its cache."""
    config = validated({"data": {"path": "x"}, "resources": resources})
    folder = StudyFolder(root.resolve(), root.name)
    require_same(folder, config, "abc")
    cache = folder.cache(config)
    open_cache(cache, folder.root)
    (cache / KEY).mkdir(parents=True, exist_ok=True)
    (cache / KEY / "tokens.npy").write_bytes(b"x" * 5000)
    named = with_overrides(config, {"search/name": folder.name})
    assert to_yaml(named) == (root / "config.yaml").read_text()
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


@pytest.mark.parametrize("place", ["one/cache", "fast-disk"])
def test_a_cache_loses_only_what_softnce_wrote(tmp_path, cleaned, place):
    cache = tmp_path / place
    made_study(tmp_path / "one", **({} if "one" in place else {"cache": str(cache)}))
    (cache / f"{KEY}.json").write_text("a tokenizer")
    for folder in (f".{KEY}-weights-a_b2c3d4", f"{KEY}-weights", "0abc"):
        (cache / folder).mkdir()
        (cache / folder / "words.npy").write_text("an array")
    (cache / "mine.npy").write_text("foreign")
    (cache / KEY / "notes.txt").write_text("foreign")
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.npy").write_text("foreign")
    (cache / KEY[::-1]).symlink_to(precious)
    (cache / f"{KEY}-weights" / "link.npy").symlink_to(precious / "thesis.npy")
    dry = cleaned("cache", "one", dry_run=True)
    assert "nothing was removed" in dry
    assert (cache / KEY / "tokens.npy").exists()
    said = cleaned("cache", "one")
    assert "and 4 more: not written by softnce, so left there" in said
    left = {str(path.relative_to(cache)) for path in cache.rglob("*") if not path.is_dir()}
    own = {MARKER, "studies.txt"} if place == "fast-disk" else {MARKER}
    foreign = {"0abc/words.npy", "mine.npy", f"{KEY}/notes.txt", f"{KEY}-weights/link.npy"}
    assert left == own | foreign
    assert (precious / "thesis.npy").exists()


def test_a_folder_without_our_marker_is_left_alone_whatever_a_configuration_says(tmp_path, cleaned):
    folder = made_study(tmp_path / "one", cache=str(tmp_path / "fast-disk"))
    photos = tmp_path / "photos" / KEY
    photos.mkdir(parents=True)
    (photos / "tokens.npy").write_text("foreign")
    config = validated({"data": {"path": "x"}, "resources": {"cache": str(photos.parent)}})
    (folder.root / "config.yaml").write_text(to_yaml(config))
    assert f"photos is left alone: {MARKER}, by which" in cleaned("cache", "one")
    assert (photos / "tokens.npy").exists()


@pytest.mark.parametrize("inside", [".", "trials", "champion", "trials/t0001/epoch-0003"])
def test_a_cache_within_a_study_is_refused_and_such_a_study_loses_nothing(
    tmp_path, cleaned, inside
):
    root = tmp_path / "one"
    made_study(root)
    config = validated({"data": {"path": "x"}, "resources": {"cache": str(root / inside)}})
    checkpoint = root / "trials" / "t0001" / "epoch-0003"
    checkpoint.mkdir(parents=True)
    (checkpoint / "model.safetensors").write_text("weights")
    (root / "config.yaml").write_text(to_yaml(config))
    with pytest.raises(ConfigError, match=r"resources\.cache: .* lies inside the study"):
        require_cache(config.resources.cache_in(root), root)
    cleaned("cache", "one")
    assert (checkpoint / "model.safetensors").exists()
    assert (root / "cache" / KEY / "tokens.npy").exists()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("studies", "lies around the study"),
        ("studies/other", "is a part of the study"),
        ("studies/other/trials", "is a part of the study"),
        ("home", "no cache of softnce, for it holds thesis"),
        ("home/thesis", "a file, where the cache should be"),
    ],
)
def test_a_cache_around_a_study_in_another_or_among_other_files_is_refused(tmp_path, place, said):
    made_study(tmp_path / "studies" / "other")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis").write_text("foreign")
    with pytest.raises(ConfigError, match=said):
        open_cache(tmp_path / place, tmp_path / "studies" / "one")
    assert not list(tmp_path.glob(f"{place}/{MARKER}"))


def test_two_studies_may_share_the_cache_of_the_first(tmp_path):
    first = made_study(tmp_path / "first")
    open_cache(first.root / "cache", tmp_path / "second")
    assert users_of(first.root / "cache") == {tmp_path / "second"}


def test_a_search_refuses_a_folder_of_other_things_as_its_cache_before_it_writes(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("text")
    asked = tmp_path / "asked.yaml"
    asked.write_text("data: {path: pairs.jsonl}\nloss: {name: infonce}\n")
    said = softnce("search", str(asked), "--set", "resources.cache=home", cwd=tmp_path)
    assert said.returncode == 2
    assert "home: no cache of softnce, for it holds thesis.tex; name a new" in said.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["asked.yaml", "home"]


def test_a_forged_list_of_studies_frees_nothing_and_breaks_nothing(tmp_path, cleaned):
    cache = tmp_path / "shared"
    made_study(tmp_path / "one", cache=str(cache))
    (tmp_path / "study.json").write_text("{}")
    forged = f"{tmp_path}\n{tmp_path / 'gone'}\nrelative\n/bad\0name\n".encode() + b"/\xff\n"
    (cache / "studies.txt").write_bytes(forged)
    (cache / "mine.npy").write_text("foreign")
    assert "5.0 kB freed" in cleaned("cache", "one")
    assert sorted(path.name for path in cache.iterdir()) == ["mine.npy", MARKER, "studies.txt"]


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
    with pytest.raises(ConfigError, match="more than one study"):
        cleaned("one", "two")
