import optuna
import pytest
from optuna.trial import TrialState

from softnce.config.file import validated, with_overrides
from tune_spaces.space.space import search_space
from tune_spaces.study.verdict import (
    IN_DISGUISE,
    ResultRow,
    all_failed,
    best_infonce,
    champion,
    described,
    noise_floor,
    rows,
    verdict,
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


@pytest.mark.parametrize(
    ("table", "queries", "start"),
    [
        (study(0.45), 1000, "Better: champion t0002 (Soft-InfoNCE, bm25, alpha 1.00, beta 1.00)"),
        (study(0.4199), 1000, "No gain shown: champion t0002"),  # twice the noise is needed
        (study(0.4201), 1000, "Better: "),
        (study(0.4019, noise=0.4), 1000, "No gain shown: champion"),  # less than two queries
        (study(0.4021, noise=0.4), 1000, "Better: "),
        (study(0.45), 20, "No gain shown: champion t0002"),
        (
            study(0.39),
            1000,
            "No gain shown: InfoNCE itself (t0000) has the best validation mrr, 0.4000",
        ),
        (study(0.45, note=IN_DISGUISE), 1000, "No gain shown: champion"),
        (study(0.45, soft_state="pruned"), 1000, "No gain shown: InfoNCE itself"),
        (study(0.45)[2:], 1000, "Champion t0002"),
        (
            study(0.45, soft_state="failed")[2:],
            1000,
            "Every trial failed, so there is no champion.",
        ),
        ([], 1000, "No trial has completed, so there is no champion."),
        ([study(0.45)[0], study(0.45)[2]], 1000, "No gain shown: champion t0002"),
    ],
)
def test_the_verdict_claims_no_more_than_the_table_shows(table, queries, start):
    assert verdict(table, "mrr", queries).startswith(start)


def test_the_verdict_names_both_values_the_gain_and_the_noise():
    sentence = verdict(study(0.45), "mrr", 1000)
    assert "has validation mrr 0.4500, the best InfoNCE (t0000) 0.4000: +0.0500" in sentence
    assert "two InfoNCE runs that differ in the seed alone lie 0.0100 apart" in sentence


def test_an_unknown_noise_floor_is_said():
    assert "the noise floor is unknown" in verdict([study(0.45)[0], study(0.45)[2]], "mrr", 1000)


def test_the_best_infonce_is_the_one_to_beat():
    table = [*study(0.45), row("t0003", 0.449, config=PLAIN)]
    assert best_infonce(table).key == "t0003"
    assert verdict(table, "mrr", 1000).startswith("No gain shown")


def test_nothing_in_the_table_beats_the_champion_not_even_a_seed():
    assert champion(study(0.2, noise=0.9)).key == "t0001"


@pytest.mark.parametrize("state", ["failed", "pruned", "interrupted"])
def test_noise_is_known_from_two_complete_runs_only(state):
    table = study(0.45)
    table[1] = row("t0001", 0.41, "noise", PLAIN, state=state)
    assert noise_floor(table) is None
    assert noise_floor(study(0.45)) == pytest.approx(0.01)


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
    said = verdict(table, "mrr", 100)
    assert said == "Every trial failed, so there is no champion. t0000: fault 0"
    assert not all_failed([*table, row("t0002", 0.4)])
    assert not all_failed([*table, row("t0002", None, state="stopped")])
    assert not all_failed([])
