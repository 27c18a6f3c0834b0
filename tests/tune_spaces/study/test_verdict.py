import optuna
import pytest
from optuna.trial import TrialState

from softnce.config.file import validated, with_overrides
from tune_spaces.space.space import search_space
from tune_spaces.study.sizes import Sizes
from tune_spaces.study.verdicts.verdict import (
    IN_DISGUISE,
    ResultRow,
    all_failed,
    best_infonce,
    can_be_confirmed,
    cannot_tell,
    champion,
    described,
    rows,
    unconfirmed_lead,
)

SOFT = validated({"data": {"path": "pairs"}})
PLAIN = with_overrides(SOFT, {"loss/name": "infonce"})


def row(key, value, role="search", config=SOFT, state="complete", note=""):
    return ResultRow(key, config, value, state, role, "tpe", note)


def study(soft, noise=0.41, soft_state="complete", note="", plain=0.40):
    return [
        row("t0000", plain, "infonce", PLAIN),
        row("t0001", noise, "noise", PLAIN),
        row("t0002", soft, config=SOFT, state=soft_state, note=note),
    ]


SIZES = Sizes(valid=1000, test=1000, candidates=4000)


def cannot(table, sizes=SIZES):
    return cannot_tell(table, "mrr", sizes, 0.005)


@pytest.mark.parametrize(
    ("table", "start"),
    [
        (study(0.45)[2:], "Cannot tell: no trial of InfoNCE has completed, so there is nothing"),
        (study(0.45)[:2], "Cannot tell: no trial of another loss has completed"),
        (study(0.45, soft_state="pruned"), "Cannot tell: no trial of another loss has completed"),
        (study(0.45, soft_state="failed")[2:], "Every trial failed, so there is no champion."),
        ([], "No trial has completed, so there is no champion."),
    ],
)
def test_a_study_with_nothing_to_compare_says_so(table, start):
    assert cannot(table).startswith(start)


def test_a_study_that_can_be_confirmed_has_no_excuse():
    assert cannot(study(0.45)) == cannot(study(0.3)) == cannot(study(0.45), None) == ""


def test_a_tiny_saturated_set_cannot_tell():
    said = cannot(
        study(1.0, noise=1.0, plain=1.0),
        Sizes(valid=30, test=30, candidates=60),
    )
    assert said.startswith("Cannot tell: 30 validation queries among 60 candidates are fewer")
    assert "The champion is t0000 (InfoNCE): validation mrr 1.0000." in said


def test_a_large_saturated_set_cannot_tell():
    said = cannot(study(1.0, noise=1.0, plain=1.0))
    assert said.startswith("Cannot tell: the validation split is saturated")


@pytest.mark.parametrize("test", [0, 49])
def test_too_few_test_queries_cannot_tell(test):
    said = cannot(
        study(0.45),
        Sizes(valid=1000, test=test, candidates=4000),
    )
    assert said.startswith(f"Cannot tell: {test} test queries among 4,000 candidates are fewer")


def test_a_lead_of_one_seed_is_unconfirmed_with_the_command_that_finds_out():
    said = unconfirmed_lead(study(0.45), SOFT.search, "softnce confirm mine", "about 2 hours")
    assert said.startswith("Unconfirmed: the lead of t0002 (Soft-InfoNCE, bm25, alpha 1.00, beta")
    assert "+0.0400 MRR in validation" in said
    assert "`softnce confirm mine` finds out in about 2 hours" in said


def test_a_list_of_points_that_nobody_wants_confirmed_is_no_case_for_the_test_split():
    points = [{"loss/name": "infonce"}, {"loss/name": "soft-infonce"}]
    changes = {"search/space": {}, "search/points": points, "search/confirm": "never"}
    search = with_overrides(SOFT, changes).search
    assert not can_be_confirmed(study(0.45), search)
    said = unconfirmed_lead(study(0.45), search, "softnce confirm mine", "about 2 hours")
    assert said.endswith("has met neither fresh seeds nor the test split.")
    assert can_be_confirmed(study(0.45), search.model_copy(update={"confirm": "auto"}))


def test_infonce_may_lead_itself():
    said = unconfirmed_lead(study(0.3), SOFT.search, "softnce confirm", "a minute")
    assert said.startswith("Unconfirmed: the lead of t0001 (InfoNCE), +0.1100 MRR")


def test_the_gain_in_another_metric_is_not_called_mrr():
    recall = with_overrides(SOFT, {"search/metric": "recall_at_1"}).search
    said = unconfirmed_lead(study(0.45), recall, "softnce confirm", "a minute")
    assert "MRR" not in said


def test_the_best_infonce_is_the_one_to_beat():
    table = [*study(0.45), row("t0003", 0.449, config=PLAIN)]
    assert best_infonce(table).key == "t0003"


def test_nothing_in_the_table_beats_the_champion_not_even_a_seed():
    assert champion(study(0.2, noise=0.9)).key == "t0001"


def test_a_loss_is_described_in_a_few_words():
    assert described(PLAIN) == "InfoNCE"
    assert described(SOFT) == "Soft-InfoNCE, bm25, alpha 1.00, beta 1.00"


def trial(state, values, value=None, reported=(), **attributes):
    attributes = {
        "values": values, "key": "t0000", "role": "search", "proposed_by": "tpe", **attributes,
    }  # fmt: skip
    return optuna.trial.create_trial(
        state=state, value=value, user_attrs=attributes, intermediate_values=dict(reported)
    )


@pytest.mark.parametrize(
    ("one", "state", "value", "note"),
    [
        (trial(TrialState.COMPLETE, {}, 0.5, [(1, 0.5)], weight_spread=0.3), "complete", 0.5, ""),
        (
            trial(TrialState.COMPLETE, {}, 0.5, weight_spread=0.009),
            "complete",
            0.5,
            IN_DISGUISE,
        ),
        (
            trial(TrialState.COMPLETE, {"loss/name": "infonce"}, 0.5, weight_spread=0.0),
            "complete",
            0.5,
            "",
        ),
        (trial(TrialState.PRUNED, {}, None, [(1, 0.4), (2, 0.3)]), "pruned", 0.4, ""),
        (trial(TrialState.FAIL, {}, None, error="out of memory"), "failed", None, "out of memory"),
        (trial(TrialState.RUNNING, {}, None, role="paper"), "interrupted", None, "paper"),
        (trial(TrialState.COMPLETE, {}, 0.5, role="infonce"), "complete", 0.5, "baseline"),
    ],
)
def test_a_trial_becomes_a_row_that_says_what_it_was(one, state, value, note):
    (found,) = rows([one], search_space(SOFT))
    assert (found.state, found.value) == (state, value)
    assert found.note.startswith(note)
    assert bool(found.note) is bool(note)


def test_a_refused_draw_is_shown_as_it_was_drawn():
    values = {"weights/alpha": 300.0, "weights/bm25/variant": "lucene"}
    one = trial(TrialState.FAIL, values, error="alpha is out of range")
    (found,) = rows([one], search_space(SOFT))
    assert (found.config.weights.alpha, found.config.weights.bm25.variant) == (300.0, "lucene")
    assert found.note == "alpha is out of range"


def test_a_study_in_which_all_failed_says_so_with_the_first_reason():
    table = [row(f"t000{i}", None, state="failed", note=f"fault {i}") for i in (0, 1)]
    assert all_failed(table)
    said = cannot(table)
    assert said == "Every trial failed, so there is no champion. t0000: fault 0"
    assert not all_failed([*table, row("t0002", 0.4)])
    assert not all_failed([*table, row("t0002", None, state="stopped")])
    assert not all_failed([])
