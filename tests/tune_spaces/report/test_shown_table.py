import io

import pytest
from rich.console import Console

from softnce.config.file import validated, with_overrides
from tune_spaces.preparation.baselines import UNTRAINED
from tune_spaces.report.tables.results_table import results_table
from tune_spaces.study.verdicts.verdict import ResultRow
from tune_spaces.trial_state import TrialState
from tune_spaces.tune.callbacks import run_name, trial_params

SOFT = validated({"data": {"path": "pairs"}})
PLAIN = with_overrides(SOFT, {"loss/name": "infonce"})


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=80)


def shown(console):
    return console.file.getvalue()


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


@pytest.mark.parametrize(
    ("width", "named"),
    [(60, "untrained"), (80, "untrained"), (120, "encoder before training"), (None, "encoder ")],
)
def test_a_baseline_takes_one_line_and_a_short_name_where_there_is_little_room(width, named):
    console = Console(file=io.StringIO(), width=width or 200)
    table = [
        ResultRow("t0000", PLAIN, 0.4, TrialState.COMPLETE, "infonce", "first", "baseline"),
        ResultRow("t0001", SOFT, 0.5, TrialState.INTERRUPTED, "search", "tpe", ""),
    ]
    baselines = {UNTRAINED: {"mrr": 0.01}, "BM25": {"mrr": 0.3}}
    found = results_table(table, table[0], "mrr", baselines=baselines, width=width)
    console.print(found.table)
    lines = shown(console).splitlines()
    assert len(lines) == 1 + 2 + 2
    assert max(map(len, lines)) <= console.width
    assert f" {named}" in lines[3]
    assert lines[4].split() == ["-", "0.3000", "-", "BM25"]


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
