import json
from pathlib import Path

import pytest

from softnce.config.file import load_config, validated, with_overrides
from softnce.errors import ConfigError
from tune_spaces.study.fingerprint import fingerprint, require_same, require_same_weights
from tune_spaces.study.folder import StudyFolder, find_log, study_folder

CONFIG = validated({"data": {"path": "pairs"}})


@pytest.fixture
def folder(tmp_path):
    found = StudyFolder(tmp_path / "study", "mine")
    require_same(found, CONFIG, "abc")
    return found


@pytest.mark.parametrize(
    ("name", "source", "out", "wanted"),
    [
        (None, "my config!", None, ("softnce-studies/my-config", "my-config")),
        ("named", "config", None, ("softnce-studies/named", "named")),
        (None, "...", None, ("softnce-studies/study", "study")),
        (None, "config", "elsewhere", ("elsewhere", "config")),
    ],
)
def test_a_study_is_named_by_its_configuration(name, source, out, wanted):
    config = validated({"data": {"path": "pairs"}, "search": {"name": name}})
    found = study_folder(config, source, Path(out) if out else None)
    assert (found.root, found.name) == (Path(wanted[0]).resolve(), wanted[1])


def test_everything_of_a_study_lies_in_its_folder(folder):
    places = [
        folder.mined, folder.champion, folder.log, folder.trial("t0007"), folder.cache(CONFIG),
    ]  # fmt: skip
    assert all(place.is_relative_to(folder.root) for place in places)
    assert len(set(places)) == len(places)
    folder.optuna_study()
    assert (folder.root / "optuna.db").exists()


def test_a_cache_may_be_shared(folder, tmp_path):
    config = with_overrides(CONFIG, {"resources/cache": str(tmp_path / "shared")})
    assert folder.cache(config) == tmp_path / "shared"


@pytest.mark.parametrize(
    "change",
    [
        {"search/trials": 99},
        {"search/time_budget_s": 60.0},
        {"search/keep_top": 1},
        {"resources/max_concurrent": 3},
        {"resources/executor": "inline"},
        {"tracking/uri": "http://127.0.0.1:1"},
        {"data/path": "moved/pairs"},
    ],
)
def test_a_study_goes_on_with_other_means(folder, change):
    require_same(folder, with_overrides(CONFIG, change), "abc")


@pytest.mark.parametrize(
    ("change", "digest", "difference"),
    [
        ({"optim/epochs": 9}, "abc", "optim.epochs 4 (now 9)"),
        (
            {"search/space": {"weights/alpha": {"real": [0, 1]}}},
            "abc",
            "search.space.weights/alpha",
        ),
        ({"search/metric": "mrr_at_10"}, "abc", 'search.metric "mrr" (now "mrr_at_10")'),
        ({"weights/floor": None}, "abc", "weights.floor 0.1 (now null)"),
        ({}, "abd", 'data "abc" (now "abd")'),
    ],
)
def test_another_study_under_the_same_name_is_refused_with_the_difference(
    folder, change, digest, difference
):
    with pytest.raises(ConfigError) as caught:
        require_same(folder, with_overrides(CONFIG, change), digest)
    message = str(caught.value)
    assert message.startswith(f"{folder.root}: this study exists with {difference}")
    assert message.endswith("undo the change, or start another study with --out NEW_FOLDER")


def pointed(*losses):
    points = [{"loss/name": one} for one in losses]
    return with_overrides(CONFIG, {"search/points": points, "search/trials": len(points)})


def test_a_study_of_own_points_goes_on_with_more_at_their_end_and_with_no_others(tmp_path):
    folder = StudyFolder(tmp_path / "own", "own")
    two, three = ("infonce", "bce"), ("infonce", "bce", "kl-infonce")
    for losses in (two, three, two, three):
        require_same(folder, pointed(*losses), "digest")
    for losses in (("bce", "infonce"), (*two, "top-k"), (*three[:2], "top-k", "bce")):
        with pytest.raises(ConfigError, match=r"search\.points"):
            require_same(folder, pointed(*losses), "digest")


def test_a_refused_study_keeps_its_configuration(folder):
    with pytest.raises(ConfigError):
        require_same(folder, with_overrides(CONFIG, {"optim/epochs": 9}), "abc")
    assert load_config(folder.root / "config.yaml") == with_overrides(
        CONFIG, {"search/name": folder.name}
    )


def test_the_stored_configuration_is_the_latest(folder):
    config = with_overrides(CONFIG, {"search/trials": 99})
    require_same(folder, config, "abc")
    assert load_config(folder.root / "config.yaml") == with_overrides(
        config, {"search/name": folder.name}
    )


def test_another_version_of_the_code_is_another_study(folder):
    path = folder.root / "study.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "softnce": "0.0.1"}))
    with pytest.raises(ConfigError, match=r'softnce "0.0.1" \(now'):
        require_same(folder, CONFIG, "abc")


@pytest.mark.parametrize(("text", "fault"), [("{", "not valid JSON"), ("[]", "not a study's fin")])
def test_a_torn_fingerprint_is_named(folder, text, fault):
    (folder.root / "study.json").write_text(text)
    with pytest.raises(ConfigError, match=rf"study\.json: {fault}.*cannot be continued"):
        require_same(folder, CONFIG, "abc")


def test_a_lost_fingerprint_of_a_study_with_trials_is_not_written_anew(folder):
    (folder.root / "study.json").unlink()
    folder.trial("t0000").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"study\.json: gone, though trials .*; restore it, or"):
        require_same(folder, CONFIG, "another")
    assert not (folder.root / "study.json").exists()


def test_a_fingerprint_is_plain_values():
    found = fingerprint(CONFIG, "abc")
    assert json.loads(json.dumps(found)) == found


def test_pretrained_weights_that_were_replaced_are_refused(folder):
    require_same_weights(folder, {"encoder": "a" * 64})
    require_same_weights(folder, {"encoder": "a" * 64})
    require_same(folder, CONFIG, "abc")
    with pytest.raises(ConfigError, match=r'exists with weights.encoder "aaa.* \(now "bbb'):
        require_same_weights(folder, {"encoder": "b" * 64})


def test_the_logs_that_are_not_named_are_counted(tmp_path):
    (tmp_path / "study.json").write_text("{}")
    for number in range(22):
        trial = tmp_path / "trials" / f"t{number:04d}"
        trial.mkdir(parents=True)
        (trial / "trial.log").write_text("text\n")
    with pytest.raises(ConfigError, match=r"t0018, t0019 \(20 of 22\)$"):
        find_log(str(tmp_path), "t0042")


def test_the_stored_configuration_names_its_study_and_continues_it(folder):
    stored = load_config(folder.root / "config.yaml")
    again = study_folder(stored, "config", folder.root)
    assert again == folder
    require_same(again, stored, "abc")


@pytest.mark.parametrize(("content", "key"), [(b"t0001\n", "t0001"), (b"\xff\xfe", "\ufffd\ufffd")])
def test_a_damaged_name_of_the_champion_is_the_name_of_none(tmp_path, content, key):
    folder = StudyFolder(tmp_path, "mine")
    folder.champion_marker.write_bytes(content)
    assert folder.champion_key == key


def test_a_folder_in_the_place_of_the_champions_name_is_none(tmp_path):
    folder = StudyFolder(tmp_path, "mine")
    folder.champion_marker.mkdir()
    assert folder.champion_key == ""
