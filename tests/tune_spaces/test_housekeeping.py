"""What one does with a study that has ended: read its logs, report it, clean it."""

import re

import pytest
import yaml

from softnce.checkpoints.manifest import best_checkpoint
from tests.faults import begun, ended, softnce
from tune_spaces.clean import shown_size

pytestmark = [pytest.mark.long, pytest.mark.ray, pytest.mark.slow]


@pytest.fixture(scope="module")
def study(made_pairs, tmp_path_factory):
    """A study of five trials that has ended."""
    folder = tmp_path_factory.mktemp("kept")
    config = {
        "data": {"path": str(made_pairs)},
        "encoder": {"vocabulary": 600, "dimensions": 32},
        "loss": {"name": "infonce"},
        "optim": {"epochs": 3, "batch_size": 32, "learning_rate": 0.01},
        "search": {
            "space": {"optim/learning_rate": {"real": [0.005, 0.02]}},
            "trials": 5,
            "keep_top": 2,
            "asha": {"enabled": False},
        },
        "resources": {"max_concurrent": 1},
    }
    path = folder / "kept.yaml"
    path.write_text(yaml.safe_dump(config))
    code, said = ended(begun(path, folder / "kept"))
    assert code == 0, said
    return folder / "kept"


def test_only_the_best_trials_and_the_champion_keep_their_weights(study):
    kept = {path.parent.name for path in study.glob("trials/*/epoch-*")}
    champion = (study / "champion.txt").read_text()
    assert champion in kept
    assert 2 <= len(kept) <= 3
    for key in kept:
        folder = study / "trials" / key
        assert [path.name for path in folder.glob("epoch-*")] == [best_checkpoint(folder).name]
        assert not list(folder.glob("epoch-*/optimizer.safetensors"))


def test_the_log_of_the_study_and_of_a_trial_are_printed(study):
    whole = softnce("logs", str(study))
    assert whole.returncode == 0
    assert "study kept: 5 trials of up to 3 epochs" in whole.stdout
    assert "t0000-infonce started: infonce, by first" in whole.stdout
    assert len(re.findall(r"t000\d complete with 0\.\d{4}\n", whole.stdout)) == 5
    assert (
        "tune_spaces.search.conclusion: Cannot tell: no trial of another loss has completed"
        in whole.stdout
    )
    trial = softnce("logs", str(study), "t0001")
    assert "started at epoch 1" in trial.stdout
    assert "epoch 3: loss" in trial.stdout
    assert len(softnce("logs", str(study), "t0001", "--lines", "1").stdout.splitlines()) == 1


def test_an_unknown_trial_is_answered_with_those_that_have_a_log(study):
    said = softnce("logs", str(study), "t0042")
    assert said.returncode == 2
    assert "t0042/trial.log: no such log; name a trial that has one: t0000, t0001" in said.stderr


def test_a_report_shows_the_table_and_the_verdict(study):
    said = softnce("report", str(study))
    assert said.returncode == 0, said.stderr
    assert "champion" in said.stdout
    assert "Cannot tell: no trial of another loss has completed" in said.stdout
    assert softnce("report", str(study), "--push").stdout.startswith("MLflow has everything")


def test_a_dry_run_frees_nothing_and_a_clean_leaves_the_study_whole(study):
    torn = study / "trials/t0000/.building-torn"
    torn.mkdir()
    (torn / "model.safetensors").write_bytes(b"x" * 5000)
    dry = softnce("clean", str(study), "--dry-run")
    assert "torn by an interruption" in dry.stdout
    assert "nothing was removed" in dry.stdout
    assert torn.exists()
    wet = softnce("clean", str(study))
    assert wet.returncode == 0, wet.stderr
    assert not torn.exists()
    assert not (study / "ray").exists()
    again = ended(begun(study.parent / "kept.yaml", study))
    assert again[0] == 0, again[1]
    assert "Cannot tell: no trial of another loss has completed" in again[1]


def test_a_study_that_is_not_there_is_named():
    for verb in ("report", "clean", "logs"):
        said = softnce(verb, "no-such-study")
        assert said.returncode == 2
        assert "neither a study's folder nor the name of one" in said.stderr


def test_quiet_shows_the_result_only(study):
    code, said = ended(begun(study.parent / "kept.yaml", study, "-q"))
    assert code == 0
    assert "reading" not in said
    assert "Cannot tell: no trial of another loss has completed" in said


@pytest.mark.parametrize(("size", "text"), [(999, "999 bytes"), (2_500_000_000, "2.5 GB")])
def test_sizes_are_written_for_people(size, text):
    assert shown_size(size) == text


def test_a_study_that_has_more_trials_than_requested_says_so(study):
    words = ["--out", str(study), "--trials", "3"]
    said = softnce("search", str(study.parent / "kept.yaml"), *words)
    assert said.returncode == 0, said.stderr
    assert "note: 5 trials have ended, more than the 3 that are asked for" in said.stdout
