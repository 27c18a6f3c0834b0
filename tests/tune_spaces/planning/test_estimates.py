"""What a search takes, in exact numbers of made rates."""

import math

import numpy as np
import pytest

from softnce.evidence.paired import paired_gain
from tune_spaces.planning import estimates
from tune_spaces.planning.estimates import Rates, StudySize

RATES = Rates(
    step=0.5,
    evaluation=8.0,
    checkpoint=2.0,
    setup=3.0,
    start=5.0,
    preparation=60.0,
    checkpoint_bytes=100,
    prepared_bytes=5000,
    memory_gb=1.5,
)
SIZE = StudySize(trials=10, spared=4, epochs=4, steps=20, at_once=2)  # an epoch: 10 + 2 + 8 s
WHOLE, HALF = 3 + 4 * 20, 3 + 2 * 20


def test_a_trial_is_its_set_up_and_its_epochs():
    assert estimates.trial_seconds(RATES, SIZE, 4) == WHOLE
    rarely = StudySize(trials=1, spared=0, epochs=4, steps=20, evaluate_every=2)
    assert estimates.trial_seconds(RATES, rarely, 4) == WHOLE - 2 * 8
    under_train = StudySize(trials=1, spared=0, epochs=4, steps=20, starts_per_trial=2)
    assert estimates.trial_seconds(RATES, under_train, 4) == WHOLE + 2 * 5


def test_trials_share_the_machine_and_first_points_are_never_stopped():
    assert estimates.search_seconds(RATES, SIZE, 2) == 5 + (4 * WHOLE + 6 * HALF) / 2
    assert estimates.search_seconds(RATES, SIZE, 4) == 5 + 10 * WHOLE / 2
    lonely = StudySize(trials=1, spared=4, epochs=4, steps=20, at_once=8)
    assert estimates.search_seconds(RATES, lonely, 2) == 5 + WHOLE


@pytest.mark.parametrize(
    ("epochs", "grace", "reduction", "wanted"),
    [(9, 1, 3, 1 + 2 / 3 + 6 / 9), (8, 2, 2, 2 + 2 / 2 + 4 / 4), (3, 3, 2, 3), (2, 5, 3, 2)],
)
def test_one_in_so_many_goes_on_at_each_rung(epochs, grace, reduction, wanted):
    assert estimates.expected_epochs(epochs, grace, reduction) == pytest.approx(wanted)


def test_frozen_models_train_once_before_the_trials():
    assert estimates.model_seconds(RATES, SIZE) == 0
    taught = StudySize(trials=10, spared=4, epochs=4, steps=20, model_epochs=6, model_encodings=2.5)
    assert estimates.model_seconds(RATES, taught) == 2 * 5 + 3 + 6 * 20 + 2.5 * 8


def test_a_confirmation_scores_both_splits_of_every_run():
    size = StudySize(
        trials=10, spared=4, epochs=4, steps=20, at_once=2, confirm_runs=15, exact_evaluations=3
    )
    assert estimates.confirm_seconds(RATES, size) == 5 + 8 * (WHOLE + 3 * 8)
    assert estimates.confirm_seconds(RATES, SIZE) == 0


def test_gpu_hours_are_those_of_all_that_trains():
    size = StudySize(
        trials=10, spared=4, epochs=4, steps=20, gpus=2, confirm_runs=6, exact_evaluations=3
    )
    trials = 4 * WHOLE + 6 * HALF
    confirmed = trials + 6 * (WHOLE + 3 * 8)
    assert estimates.gpu_hours(RATES, size, 2, is_confirmed=False) == trials * 2 / 3600
    assert estimates.gpu_hours(RATES, size, 2, is_confirmed=True) == confirmed * 2 / 3600
    assert estimates.gpu_hours(RATES, SIZE, 2, is_confirmed=True) == 0


def test_the_disk_holds_inputs_kept_trials_and_those_that_run():
    assert estimates.disk_bytes(RATES, SIZE) == 5000 + (3 + 2 * 2 + 1) * 100


@pytest.mark.parametrize(("seeds", "queries"), [(2, 400), (5, 2000), (8, 300)])
def test_the_smallest_gain_is_that_of_a_verdict_on_such_differences(seeds, queries):
    """Differences whose mean squares are exactly those that the formula expects."""
    draw = np.random.default_rng(0)
    found = []
    for _ in range(60):
        of_seeds = draw.normal(0, 0.004, size=(seeds, 1))
        of_queries = draw.normal(0, 0.05, size=(1, queries))
        found.append(paired_gain(of_seeds + of_queries).smallest_shown)
    wanted = estimates.smallest_gain(seeds, queries, seed_sd=0.004, query_sd=0.05)
    assert np.median(found) == pytest.approx(wanted, rel=0.35)


def test_more_seeds_and_more_queries_show_smaller_gains():
    assert estimates.smallest_gain(5, 1979) == pytest.approx(0.0049, abs=2e-4)
    assert estimates.smallest_gain(8, 1979) < estimates.smallest_gain(5, 1979)
    assert estimates.smallest_gain(5, 20_000) < estimates.smallest_gain(5, 1979)
    assert estimates.smallest_gain(1, 1979) == math.inf
    assert estimates.smallest_gain(5, 1979, candidates=2) == pytest.approx(0.0053, abs=2e-4)
