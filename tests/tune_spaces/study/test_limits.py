"""Limits of an encoder's cost on a real sqlite study: what is above one cannot win."""

from dataclasses import replace
from types import SimpleNamespace

import optuna
import pytest

from softnce.config.file import validated, with_overrides
from softnce.errors import ConfigError
from tune_spaces.report.tables.results_table import results_table
from tune_spaces.space.space import search_space
from tune_spaces.study.retention import kept_trials
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.study.verdicts.verdict import cannot_tell, champion, rows
from tune_spaces.tune.searcher import Plan, StopSwitch, StudySearcher

SPACE = {"encoder/dimensions": {"int": [16, 256]}}
MOST = 100_000  # parameters: those of 100 dimensions
optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture
def study(tmp_path):
    return optuna.create_study(storage=f"sqlite:///{tmp_path / 'a.db'}", direction="maximize")


def spaced(**search):
    search = {"space": SPACE, "n_startup_trials": 8, "max_parameters": MOST, **search}
    return search_space(validated({"data": {"path": "x"}, "search": search}))


def searched(study, space, trials, costs=lambda dimensions: {"parameters": dimensions * 1000.0}):
    """Search a metric that grows with the dimensions, and return what was told of the trials."""
    told = []
    watcher = SimpleNamespace(
        started=lambda *_: None, reported=lambda *_: None, ended=lambda *end: told.append(end)
    )
    trial_store = TrialStore(study, space)
    plan = Plan(space.config, lambda *_: None, trials)
    searcher = StudySearcher(trial_store, plan, StopSwitch(None), [watcher])
    for number in range(trials):
        searcher.suggest(str(number))
        dimensions = study.get_trials(deepcopy=False)[-1].params["encoder/dimensions"]
        done = {"epoch": 1, "objective": dimensions / 1000, "finished": True, **costs(dimensions)}
        searcher.reported(str(number), done)
        searcher.on_trial_complete(str(number), done)
    return trial_store, told


def test_what_is_above_a_limit_cannot_win(study):
    space = spaced()
    trial_store, told = searched(study, space, 12)
    table = rows(trial_store.trials(), space)
    best = champion(table)
    above = [row for row in table if not row.is_feasible]
    assert best.config.encoder.dimensions <= 100
    assert max(table, key=lambda row: row.value) in above
    assert all(row.config.encoder.dimensions > 100 for row in above)
    assert kept_trials(table, 50).isdisjoint({row.key for row in above})
    assert {reason != "" for *_, reason in told} == {True, False}


def test_the_sampler_learns_to_stay_within_the_limits(study):
    within = []
    for name, limit in (("limited", MOST), ("free", None)):
        space, other = (
            spaced(max_parameters=limit),
            optuna.create_study(study_name=name, storage=study._storage, direction="maximize"),
        )
        trial_store, _ = searched(other, space, 24)
        drawn = [one.params["encoder/dimensions"] for one in trial_store.trials()[8:]]
        within.append(sum(dimensions <= 100 for dimensions in drawn))
    assert within[0] >= 8  # of 16
    assert within[1] <= 2  # more dimensions are better


def test_the_table_shows_what_is_infeasible_and_why(study):
    space = spaced()
    trial_store, told = searched(study, space, 1, lambda _: {"parameters": 250_000.0})
    table = rows(trial_store.trials(), space)
    said = "infeasible: parameters 250,000 > 100,000"
    assert table[0].note == told[0][-1] == said
    notes = results_table(table, champion(table), "mrr").table.columns[-1]
    assert [str(cell) for cell in notes.cells] == [said]
    assert (
        cannot_tell(table, "mrr", None, 0.005)
        == "No trial within the limits has completed, so there is no champion."
    )


def test_a_family_without_a_feasible_trial_is_said_to_have_none_within_the_limits(study):
    space = spaced()
    costs = {"parameters": 50_000.0}
    trial_store, _ = searched(study, space, 1, lambda _: costs)
    table = rows(trial_store.trials(), space)
    plain = with_overrides(space.base, {"loss/name": "infonce"})
    above = replace(table[0], key="t0001", config=plain, is_feasible=False)
    said = cannot_tell([*table, above], "mrr", None, 0.005)
    assert said.startswith("Cannot tell: no trial of InfoNCE within the limits has completed")


def test_a_time_above_its_limit_is_infeasible_and_an_unlimited_cost_is_not(study):
    space = spaced(max_parameters=None, max_encode_ms=2.0)
    trial_store, _ = searched(study, space, 1, lambda _: {"encode_ms": 2.5, "parameters": 1e9})
    (row,) = rows(trial_store.trials(), space)
    assert not row.is_feasible
    assert row.note == "infeasible: encode_ms 2.5 > 2"
    (trial,) = study.get_trials()
    assert trial.constraints == {"max_encode_ms": 0.25}


@pytest.mark.parametrize("name", ["max_parameters", "max_encode_ms"])
def test_a_limit_is_above_0(name):
    with pytest.raises(ConfigError, match=rf"search\.{name}"):
        spaced(**{name: 0})
