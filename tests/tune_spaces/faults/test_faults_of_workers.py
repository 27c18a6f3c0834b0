"""Ray Train workers, and the process that owns them, are killed: the trial goes on."""

import re

import pytest
import yaml

from tests.faults import begun, ended, in_mid_epoch, members, outcomes, wait_for_one

pytestmark = [pytest.mark.long, pytest.mark.faults, pytest.mark.ray, pytest.mark.slow]

EPOCHS = 16


def written(folder, pairs, **resources):
    config = {
        "data": {"path": str(pairs)},
        "encoder": {"vocabulary": 600, "dimensions": 512},
        "loss": {"name": "infonce"},
        "optim": {"epochs": EPOCHS, "batch_size": 4, "learning_rate": 0.003},
        "search": {"name": "hit", "always_try": "infonce", "trials": 2, "space": {}},
        "resources": {"max_concurrent": 1, **resources},
    }
    config["search"]["space"] = {"optim/learning_rate": {"real": [0.001, 0.01]}}
    path = folder / "hit.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture(scope="module")
def undisturbed(made_pairs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    code, said = ended(begun(written(folder, made_pairs), folder / "out"))
    assert code == 0, said
    return outcomes(folder / "out", "hit")


@pytest.fixture(scope="module")
def story(made_pairs, tmp_path_factory):
    """Two trials of two workers: one loses a worker, the other the process that owns them."""
    folder = tmp_path_factory.mktemp("robbed")
    out = folder / "out"
    search = begun(written(folder, made_pairs, workers=2), out)
    first = in_mid_epoch(out, search)
    members(search, "ray::RayTrainWorker")[0].kill()
    wait_for_one(lambda: list(out.glob("trials/t0001/epoch-0002")), search)
    members(search, "ray::ResourceTrainable")[0].kill()
    code, said = ended(search)
    return {"out": out, "first": first, "code": code, "said": said}


def test_the_study_ends_well(story):
    assert story["first"] == "t0000"
    assert story["code"] == 0, story["said"]


@pytest.mark.parametrize("key", ["t0000", "t0001"])
def test_the_trial_goes_on_where_it_was(story, key):
    log = (story["out"] / f"trials/{key}/trial.log").read_text()
    assert log.count("started at epoch 1") == 1
    assert re.search(r"resumed at epoch ([2-9]|1\d)", log)
    assert sorted(set(map(int, re.findall(r"epoch (\d+): loss", log)))) == [*range(1, EPOCHS + 1)]


def test_both_trials_learn_what_undisturbed_ones_learn(story, undisturbed):
    found = outcomes(story["out"], "hit")
    assert {key: state for key, (state, _) in found.items()} == {
        "t0000": "COMPLETE",
        "t0001": "COMPLETE",
    }
    for key, (_, value) in found.items():
        assert value == pytest.approx(undisturbed[key][1], abs=5e-3)
