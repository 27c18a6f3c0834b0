"""The runs of a confirmation as a person sees them: a line each, and what runs in the picture."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from softnce.terminal.running import RunningPicture
from tests.told_studies import told_study
from tune_spaces.confirm.contest import contest
from tune_spaces.confirm.race import Race
from tune_spaces.confirm.runs import RunsFolder
from tune_spaces.confirm.searcher import RaceSearcher, Sight
from tune_spaces.report.facts import study_facts
from tune_spaces.tune.searcher import StopSwitch


@pytest.fixture
def race(tmp_path):
    table = study_facts(told_study(tmp_path / "told", 12)).table
    return Race(contest(table, candidates=1), [20_001], RunsFolder(tmp_path / "told" / "confirm"))


def drawn(picture):
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    console.print(picture.picture())
    return console.file.getvalue()


def test_a_run_is_drawn_while_it_runs_and_has_a_line_when_it_ends(race):
    silent = SimpleNamespace(
        begin=lambda *_: None, report=lambda *_: None, end=lambda *_, **__: None
    )
    console = Console(file=io.StringIO(), width=80)
    picture = RunningPicture(console, "runs on fresh seeds", total=3, done=0, epochs=2)
    assigned = SimpleNamespace(folder=race.runs.root / "run")
    sight = Sight(console, picture)
    searcher = RaceSearcher(race, lambda *_: assigned, StopSwitch(None), silent, sight)
    searcher.suggest("one")
    (run, *_) = race.standing().due
    assert f"  {run.key}" in drawn(picture)
    searcher.reported("one", {"epoch": 1, "objective": 0.25, "mrr": 0.25})
    assert "0.2500 epoch 2/2" in drawn(picture)
    last = {"epoch": 2, "objective": 0.5, "finished": True, "valid_mrr": 0.5, "test_mrr": 0.4}
    searcher.reported("one", last)
    searcher.on_trial_complete("one", last)
    assert run.key not in drawn(picture)
    assert "runs on fresh seeds 1 of 3" in drawn(picture)
    words = console.file.getvalue().split()
    assert words == [run.key, "valid", "0.5000", "test", "0.4000", "0s"]
