"""A plan measured on this machine, from the command line and as a call."""

import io
import json

import pytest
import yaml
from rich.console import Console

from softnce.config.file import validated
from softnce.evidence.verdict import FEWEST_QUERIES
from tests.faults import softnce
from tune_spaces.planning.estimates import Rates, StudySize
from tune_spaces.planning.plan import SearchPlan, measured_configs, planned
from tune_spaces.planning.show import plan_lines
from tune_spaces.ray_session import session
from tune_spaces.ray_session.local_cluster import closed_to_strangers
from tune_spaces.space.space import search_space

SPACE = {"loss/name": {"choice": ["infonce", "soft-infonce"]}}


@pytest.fixture
def settings(made_pairs):
    return {
        "data": {"path": str(made_pairs)},
        "encoder": {"vocabulary": 600, "dimensions": 16},
        "optim": {"epochs": 3, "batch_size": 32, "learning_rate": 0.01},
        "search": {"space": SPACE, "trials": 6, "asha": {"grace_epochs": 1, "reduction": 3}},
        "resources": {"max_concurrent": 1},
    }


def test_a_plan_measures_and_leaves_nothing_behind(settings, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(settings))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    said = softnce("plan", str(path), "--json", cwd=tmp_path, environment={"TMPDIR": str(scratch)})
    assert said.returncode == 0, said.stderr
    facts = json.loads(said.stdout)
    assert (facts["study"], facts["trials"], facts["trials_at_once"]) == ("mine", 6, 1)
    assert facts["losses_measured"] == ["infonce", "soft-infonce"]
    assert facts["epochs_per_trial"] == pytest.approx(1 + 2 / 3)
    assert 0 < facts["search_seconds"] <= facts["seconds"]
    assert facts["seconds"] <= facts["seconds_without_early_stopping"]
    assert min(facts[name] for name in ("step_seconds", "evaluation_seconds", "disk_gb")) > 0
    assert (facts["gpu_hours"], facts["usd"]) == (0, None)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["mine.yaml", "scratch"]
    assert not list(scratch.glob("softnce-plan-*"))


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.slow
def test_a_plan_is_measured_on_the_cluster_that_trials_would_run_on(settings, tmp_path):
    settings["resources"] = {"storage_path": str(tmp_path)}
    page = io.StringIO()
    session.quiet_environment()
    import ray

    with closed_to_strangers() as folder:
        ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False, _temp_dir=str(folder))
        try:
            plan = planned(validated(settings), Console(file=page, width=200), source="mine")
        finally:
            ray.shutdown()
    assert plan.facts()["trials_at_once"] == 3  # of a cluster, whatever this machine has
    assert plan.facts()["measured_on"] == "the Ray session of this process"
    assert plan.facts()["step_seconds"] > 0
    assert "on the Ray session of this process, 3 trials at once" in page.getvalue()
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere"], "nowhere: neither a YAML file nor a preset"),
        (["--usd-per-gpu-hour=-1"], "--usd-per-gpu-hour -1: not a price"),
        (["--usd-per-gpu-hour", "nan"], "--usd-per-gpu-hour nan: not a price"),
        (["--set", "data.path=none.csv"], "none.csv"),
    ],
)
def test_what_cannot_be_planned_is_told_in_one_line(tmp_path, words, told):
    said = softnce("plan", *words, cwd=tmp_path)
    assert said.returncode == 2
    assert told in said.stderr
    assert said.stderr.count("\n") == 1


def test_a_trial_that_fits_nowhere_is_refused(tmp_path):
    said = softnce("plan", "--set", "resources.cpus_per_worker=5000", cwd=tmp_path)
    assert said.returncode == 3
    assert "resources.cpus_per_worker" in said.stderr
    assert not list(tmp_path.iterdir())


def test_a_loss_is_measured_with_an_estimator_that_needs_no_frozen_model(settings):
    settings["search"]["space"] |= {"weights/estimator": {"choice": ["teacher", "simcse"]}}
    config = validated(settings)
    measured = measured_configs(config, search_space(config))
    assert [one.loss.name for one, _ in measured] == ["infonce", "soft-infonce"]
    assert measured[1][0].weights.estimator == "bm25"
    assert [share for _, share in measured] == [0.9, 0.1]  # no trial asks BM25 itself


def test_the_losses_count_by_their_share_of_the_trials(settings):
    settings["search"]["space"] |= {"weights/estimator": {"choice": ["bm25", "teacher"]}}
    config = validated(settings)
    measured = measured_configs(config, search_space(config))
    assert [share for _, share in measured] == [0.75, 0.25]


def test_a_test_split_that_no_verdict_can_rest_on_shows_no_gain():
    facts = made_plan(test=FEWEST_QUERIES - 1).facts()
    assert facts["smallest_gain_shown"] is None
    assert made_plan(test=FEWEST_QUERIES).facts()["smallest_gain_shown"] > 0


def made_plan(**changes):
    rates = Rates(
        step=0.5,
        evaluation=8.0,
        checkpoint=2.0,
        setup=3.0,
        start=5.0,
        preparation=60.0,
        checkpoint_bytes=10**9,
        prepared_bytes=10**9,
        memory_gb=1.5,
    )
    size = StudySize(trials=10, spared=4, epochs=4, steps=20, gpus=1, confirm_runs=20)
    whole = {"test": 2000, "candidates": 2, "seeds": 5, "confirm": "auto", "epochs": 2.0, **changes}
    return SearchPlan(rates=rates, size=size, losses=("infonce",), **whole)


def test_a_confirmation_counts_where_the_search_would_run_it():
    on_request, at_the_end = made_plan().facts(), made_plan(confirm="always").facts()
    assert not on_request["confirms"]  # it would take longer than half of the search
    assert on_request["seconds"] == on_request["search_seconds"]
    assert at_the_end["seconds"] == on_request["seconds"] + on_request["confirm_seconds"]
    assert made_plan(confirm="never").facts()["seconds"] == on_request["seconds"]


def test_the_price_is_that_of_the_gpu_hours():
    facts = made_plan(usd_per_gpu_hour=3.5).facts()
    assert facts["usd"] == pytest.approx(facts["gpu_hours"] * 3.5)
    assert dict(plan_lines(made_plan(usd_per_gpu_hour=3.5)))["GPU hours"].endswith("US dollars")


def test_too_few_test_queries_show_no_gain_at_all():
    facts = made_plan(test=1).facts()
    assert facts["smallest_gain_shown"] is None
    assert "too small" in dict(plan_lines(made_plan(test=1)))["smallest gain shown"]
