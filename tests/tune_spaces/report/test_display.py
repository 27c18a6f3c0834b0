import io

import pytest
from rich.console import Console

from softnce.config.file import validated, with_overrides
from tune_spaces.live.display import Display, headline, sparkline
from tune_spaces.report.tables.results_table import results_table
from tune_spaces.study.trial_store import Proposal
from tune_spaces.study.verdicts.verdict import ResultRow
from tune_spaces.trial_state import TrialState
from tune_spaces.tune.callbacks import run_name, trial_params

SOFT = validated({"data": {"path": "pairs"}})
PLAIN = with_overrides(SOFT, {"loss/name": "infonce"})


def proposal(number, role="search"):
    return Proposal(number, {}, role, "tpe")


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=80)


def shown(console):
    return console.file.getvalue()


@pytest.fixture
def display(console):
    with Display(console, trials=3, done=0, epochs=4) as one:
        yield one


def test_outside_a_terminal_each_trial_is_one_plain_line(console, display):
    display.started(proposal(7), SOFT)
    for value in (0.1, 0.2):
        display.reported(proposal(7), {"objective": value})
    display.ended(proposal(7), TrialState.COMPLETE, 0.2, "")
    (line,) = shown(console).splitlines()
    wanted = "t0007-bm25-a1.00-b1.00-t1.00 0.2000 2 epochs complete best so far"
    assert " ".join(line.split()) == wanted
    assert "\x1b" not in shown(console)


def test_the_line_of_a_trial_that_went_on_counts_the_epochs_of_both_searches(console):
    curves = {"t0007": [0.1, 0.2, 0.2]}
    with Display(console, trials=3, done=1, epochs=4, curves=curves) as display:
        display.started(proposal(7), SOFT)
        display.reported(proposal(7), {"objective": 0.3})
        display.ended(proposal(7), TrialState.COMPLETE, 0.3, "")
    assert " 4 epochs  complete" in shown(console)


def test_the_best_so_far_is_crowned_whatever_its_seed(console, display):
    endings = [(0, "search", 0.3), (1, "noise", 0.9), (2, "search", 0.2), (3, "search", 0.4)]
    for number, role, value in endings:
        display.started(proposal(number, role), SOFT)
        display.ended(proposal(number, role), TrialState.COMPLETE, value, "")
    crowned = ["best so far" in line for line in shown(console).splitlines()]
    assert crowned == [True, True, False, False]


@pytest.mark.parametrize("value", [None, float("nan")])
def test_a_failure_has_no_score_but_a_reason(console, display, value):
    display.started(proposal(0), PLAIN)
    display.ended(proposal(0), TrialState.FAILED, value, "out of memory [at 0x1]")
    first, second = shown(console).splitlines()
    assert first.split() == ["t0000-infonce", "-", "0", "epochs", "failed"]
    assert second.strip() == "out of memory [at 0x1]"


def test_in_a_terminal_the_running_trials_are_drawn():
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with Display(console, trials=3, done=1, epochs=4) as display:
        display.started(proposal(7), PLAIN)
        display.reported(proposal(7), {"objective": 0.5})
    assert "t0007-infonce" in shown(console)
    assert "epoch 1/4" in shown(console)
    assert "1/3" in shown(console)


@pytest.mark.parametrize(("values", "wanted"), [([], ""), ([0.5], "▁"), ([0.2, 0.1, 0.2], "█▁█")])
def test_a_sparkline_runs_from_lowest_to_highest(values, wanted):
    assert sparkline(values) == wanted


def test_a_table_keeps_one_line_a_trial_in_80_columns(console):
    fault = "the loss is not finite at step 3 of epoch 1: lower optim.learning_rate (0.1)"
    table = [
        ResultRow("t0000", PLAIN, 0.4, TrialState.COMPLETE, "infonce", "first", "baseline"),
        ResultRow("t0001", SOFT, 0.5, TrialState.COMPLETE, "search", "tpe", "", -0.031),
        ResultRow("t0002", SOFT, None, TrialState.FAILED, "search", "tpe", fault),
    ]
    console.print(results_table(table, table[1], "mrr", width=80).table)
    header, *lines = shown(console).splitlines()
    wanted = "trial loss estimator alpha beta t relief mrr state"
    assert " ".join(header.split()) == wanted
    assert [line.split()[0] for line in lines] == ["t0000", "t0001", "t0002"]
    assert lines[0].split()[1:6] == ["infonce", "-", "-", "-", "-"]
    assert lines[0].split()[6:] == ["-", "0.4000", "complete", "baseline"]
    assert lines[1].split()[6:8] == ["-0.03", "0.5000"]
    assert lines[1].split()[-1] == "champion"
    assert "the loss is" in lines[2]


def test_every_searched_setting_has_a_column_and_the_baselines_a_row():
    console = Console(file=io.StringIO(), width=200)
    rated = with_overrides(PLAIN, {"optim/learning_rate": 0.02})
    table = [
        ResultRow("t0000", rated, 0.4, TrialState.COMPLETE, "infonce", "first", "baseline"),
        ResultRow("t0001", SOFT, 0.5, TrialState.COMPLETE, "search", "tpe", ""),
    ]
    searched = ["optim/learning_rate", "loss/temperature", "weights/bm25/variant"]
    baselines = {"encoder before training": {"mrr": 0.01}, "BM25": {"mrr": 0.3}}
    found = results_table(table, table[1], "mrr", searched=searched, baselines=baselines)
    console.print(found.table)
    lines = [line.split() for line in shown(console).splitlines()]
    assert any("learning_rate" in line for line in lines[:3])
    rows = {line[0]: line for line in lines if line and line[0].startswith("t0")}
    assert rows["t0000"][6:9] == ["0.02", "0.05", "-"]
    assert rows["t0001"][6:9] == ["0.001", "0.05", "okapi"]
    assert ["-", "0.0100", "-", "encoder", "before", "training"] in lines
    assert ["-", "0.3000", "-", "BM25"] in lines


def test_the_headline_names_encoder_and_size():
    assert headline(SOFT, "mine") == "study mine: 20 trials of up to 4 epochs, encoder static"


def test_runs_are_named_by_their_loss():
    assert run_name("t0007", SOFT) == "t0007-bm25-a1.00-b1.00-t1.00"
    assert run_name("t0000", PLAIN) == "t0000-infonce"


def test_parameters_that_are_inactive_are_absent():
    plain, soft = trial_params(PLAIN, {}), trial_params(SOFT, {})
    assert not {"alpha", "beta", "estimator", "temperature", "scale"} & plain.keys()
    assert soft["alpha_over_beta"] == 1.0
    assert plain["loss_temperature"] == soft["loss_temperature"] == 0.05


def test_other_searched_settings_are_parameters_under_their_path():
    values = {"weights/alpha": 1.0, "encoder/dimensions": 64, "weights/bm25/variant": "lucene"}
    found = trial_params(SOFT, values)
    assert {key for key in found if "/" in key} == {"encoder/dimensions", "weights/bm25/variant"}
