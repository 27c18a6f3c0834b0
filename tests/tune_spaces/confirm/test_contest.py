"""Who meets whom: the best of both families, and never a tuned side against an untuned one."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from softnce.config.file import validated, with_overrides
from softnce.errors import ConfigError
from tune_spaces.confirm.contest import contest
from tune_spaces.confirm.outcome import JudgedRace, SideResult, contest_table
from tune_spaces.confirm.runs import fresh_seeds
from tune_spaces.study.verdicts.verdict import IN_DISGUISE, ResultRow

SOFT = validated({"data": {"path": "pairs"}})


def row(key, value, *, state="complete", role="search", **settings):
    changes = {path.replace("__", "/"): one for path, one in settings.items()}
    return ResultRow(key, with_overrides(SOFT, changes), value, state, role, "tpe", "")


def plain(key, value, **settings):
    return row(key, value, loss__name="infonce", **settings)


TABLE = [
    plain("t0000", 0.40),
    plain("t0001", 0.48, optim__seed=4321, role="noise"),
    row("t0002", 0.45),
    row("t0003", 0.47, weights__alpha=1.5),
    plain("t0004", 0.44, optim__learning_rate=0.01),
    row("t0005", 0.50, optim__learning_rate=0.02),
    row("t0006", 0.60, state="pruned", weights__alpha=0.3),
]


def test_candidates_are_the_best_of_the_other_losses_and_only_complete_ones():
    assert list(contest(TABLE, candidates=2).opponents) == ["t0005", "t0003"]
    assert list(contest(TABLE, candidates=9).opponents) == ["t0005", "t0003", "t0002"]


def test_opponents_are_the_best_infonce_and_the_champions_own_settings_with_infonce():
    found = contest(TABLE, candidates=1)
    assert found.opponents == {"t0005": ("t0001", "t0005-infonce")}
    own = found.sides["t0005-infonce"].config
    assert (own.loss.name, own.optim.learning_rate) == ("infonce", 0.02)
    assert found.sides["t0005-infonce"].value is None
    assert found.plain == "t0001"


def test_every_candidate_has_to_beat_its_own_settings_with_infonce():
    """Else one with a better learning rate would be called better for that."""
    tuned = row("t0007", 0.49, optim__learning_rate=0.05)
    alike = row("t0008", 0.485, optim__learning_rate=0.05, weights__alpha=0.4)
    found = contest([*TABLE, tuned, alike], candidates=3)
    assert found.opponents == {
        "t0005": ("t0001", "t0005-infonce"),
        "t0007": ("t0001", "t0007-infonce"),
        "t0008": ("t0001", "t0007-infonce"),
    }
    own = found.sides["t0007-infonce"].config
    assert (own.loss.name, own.optim.learning_rate) == ("infonce", 0.05)


def test_one_opponent_is_enough_where_both_are_the_same_but_for_the_seed():
    found = contest([TABLE[0], TABLE[1], TABLE[2]], candidates=3)
    assert found.opponents == {"t0002": ("t0001",)}


def test_what_is_infonce_in_effect_competes_only_where_nothing_else_is_left():
    disguised = replace(row("t0007", 0.9, weights__alpha=0.7), note=IN_DISGUISE)
    assert list(contest([*TABLE, disguised], candidates=3).opponents) == ["t0005", "t0003", "t0002"]
    assert list(contest([TABLE[0], disguised], candidates=3).opponents) == ["t0007"]


def test_one_configuration_competes_once_whatever_its_seed():
    table = [plain("t0000", 0.4), row("t0001", 0.5), row("t0002", 0.6, optim__seed=7)]
    assert list(contest(table, candidates=3).opponents) == ["t0002"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (TABLE[:2], "no trial of a loss other than InfoNCE has completed"),
        (TABLE[2:4], "no trial of InfoNCE has completed"),
        ([], "no trial of InfoNCE has completed"),
    ],
)
def test_a_family_without_a_complete_trial_is_named(table, said):
    with pytest.raises(ConfigError, match=said):
        contest(table, candidates=1)


def test_what_is_above_a_limit_of_the_study_is_no_side():
    above = replace(row("t0007", 0.9), is_feasible=False)
    assert contest([*TABLE, above], candidates=3) == contest(TABLE, candidates=3)


def test_those_that_failed_are_left_out_with_whom_they_leave_alone():
    found = contest(TABLE, candidates=2)
    assert found.without({"t0005-infonce"}).opponents["t0005"] == ("t0001",)
    assert list(found.without({"t0005"}).opponents) == ["t0003"]
    assert found.without({"t0001", "t0005-infonce"}).opponents == {}


def test_fresh_seeds_are_those_of_no_trial():
    assert fresh_seeds({20_001, 20_003}, 3) == [20_002, 20_004, 20_005]


@pytest.mark.parametrize("width", [80, 100])
def test_a_narrow_terminal_cuts_words_and_no_figure(width):
    title = "t0010 (Soft-InfoNCE, teacher, alpha 1.76, beta 0.24)"
    side = SideResult("t0010", title, 0.3672, 0.3611, 0.3971, 4, "beaten by t0001")
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(contest_table(JudgedRace("", {}, (side,))))
    shown = console.export_text()
    assert all(figure in shown for figure in ("0.3672", "0.3611", "0.3971"))
    assert "…" not in shown
