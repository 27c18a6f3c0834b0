"""What a person sees while a search runs: plain lines, and the picture of a terminal."""

import io

import pytest
from rich.console import Console

from softnce.config.file import validated, with_overrides
from softnce.step_progress import FILE, StepProgress, StepsDone, steps_done
from softnce.terminal.running import RunningPicture, sparkline
from tune_spaces.live.display import Display, Former, Leader, headline
from tune_spaces.study.trial_store import Proposal
from tune_spaces.trial_state import TrialState

SOFT = validated({"data": {"path": "pairs"}})
PLAIN = with_overrides(SOFT, {"loss/name": "infonce"})


def proposal(number, role="search"):
    return Proposal(number, {}, role, "tpe")


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=80)


def shown(console):
    return console.file.getvalue()


def drawn(picture, width=80):
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(picture.picture())
    return console.file.getvalue()


@pytest.fixture
def display(console):
    with Display(console, trials=3, epochs=4) as one:
        yield one


def test_outside_a_terminal_each_trial_is_one_plain_line(console, display):
    display.started(proposal(7), SOFT)
    for value in (0.1, 0.2):
        display.reported(proposal(7), {"objective": value})
    display.ended(proposal(7), TrialState.COMPLETE, 0.2, "")
    (line,) = shown(console).splitlines()
    wanted = "t0007-bm25-a1.00-b1.00-t1.00 0.2000 2 epochs 0s complete best so far"
    assert " ".join(line.split()) == wanted
    assert len(line) <= 80
    assert "\x1b" not in shown(console)


def test_the_line_of_a_trial_that_went_on_counts_the_epochs_of_both_searches(console):
    former = Former(done=1, curves={"t0007": [0.1, 0.2, 0.2]})
    with Display(console, trials=3, epochs=4, former=former) as display:
        display.started(proposal(7), SOFT)
        display.reported(proposal(7), {"objective": 0.3})
        display.ended(proposal(7), TrialState.COMPLETE, 0.3, "")
    assert " 4 epochs  " in shown(console)


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
    assert first.split() == ["t0000-infonce", "-", "0", "epochs", "0s", "failed"]
    assert second.strip() == "out of memory [at 0x1]"


def test_in_a_terminal_running_trials_are_drawn_with_both_leaders(tmp_path):
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    best, infonce = Leader("t0001-bm25", 0.6), Leader("t0000-infonce", 0.4)
    former = Former(done=1, best=best, infonce=infonce)
    with Display(console, trials=3, epochs=4, former=former, folder_of=lambda _: tmp_path) as one:
        one.started(proposal(7), PLAIN)
        one.reported(proposal(7), {"objective": 0.5})
        StepProgress(tmp_path, is_told=True).tell(StepsDone(2, 30, 120))
        text = drawn(one._picture)
    assert "t0007-infonce" in text
    assert "epoch 2/4" in text
    assert "step 30/120" in text
    assert "trials 1 of 3" in text
    assert "best 0.6000 t0001-bm25; InfoNCE 0.4000 t0000-infonce" in text
    assert "t0007-infonce" in shown(console)


def test_a_picture_tells_what_is_waited_for_and_when_it_ends(tmp_path):
    picture = RunningPicture(Console(quiet=True), "runs", total=2, done=0, epochs=1)
    assert "waiting for the first one" in drawn(picture)
    picture.begin("a", "a", tmp_path)
    assert "starting" in drawn(picture)
    assert "time left unknown yet" in drawn(picture)
    StepProgress(tmp_path, is_told=True).tell(StepsDone(1, 8, 8))
    picture.end("a")
    picture.begin("b", "b", tmp_path)
    text = drawn(picture)
    assert "validating" in text
    assert "about 0s left" in text
    assert "runs 1 of 2" in text


def test_a_picture_never_outgrows_a_terminal_of_80_columns(tmp_path):
    last = "best 0.5 " + "x" * 200
    console = Console(quiet=True, width=80)
    picture = RunningPicture(
        console, "trials", total=2000, done=1999, epochs=100, last_line=lambda: last
    )
    StepProgress(tmp_path, is_told=True).tell(StepsDone(4, 123_456, 999_999))
    picture.begin("t0001", "t0001-" + "soft-" * 20, tmp_path, [0.1, 0.2, 0.3])
    lines = drawn(picture).splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80
    assert "123,456/999,999" in lines[0]


def test_steps_are_told_by_one_worker_and_leave_nothing(tmp_path):
    StepProgress(tmp_path, is_told=False).tell(StepsDone(1, 2, 2))
    assert steps_done(tmp_path) is None
    progress = StepProgress(tmp_path, is_told=True)
    progress.tell(StepsDone(1, 1, 9))
    progress.tell(StepsDone(1, 9, 9))  # within the same second, but the last one
    assert steps_done(tmp_path) == StepsDone(1, 9, 9)
    (tmp_path / FILE).write_text("[1, ")
    assert steps_done(tmp_path) is None
    progress.end()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("values", "wanted"), [([], ""), ([0.5], "▁"), ([0.2, 0.1, 0.2], "█▁█")])
def test_a_sparkline_runs_from_lowest_to_highest(values, wanted):
    assert sparkline(values) == wanted


def test_the_headline_names_encoder_and_size():
    assert headline(SOFT, "mine") == "study mine: 20 trials of up to 4 epochs, encoder static"


@pytest.mark.parametrize(
    ("rank", "space", "wanted"),
    [
        (16, {}, "model with LoRA of rank 16"),
        (None, {"encoder/lora/rank": {"choice": [8, 16]}}, "model with LoRA"),
        (16, {"encoder/lora/rank": {"choice": [8, 16]}}, "model with LoRA"),
        (None, {}, "model"),
    ],
)
def test_the_headline_names_a_rank_that_is_not_searched(rank, space, wanted):
    encoder = {"kind": "transformer", "model": "model", "lora": {"rank": rank}}
    config = validated({"data": {"path": "x"}, "encoder": encoder, "search": {"space": space}})
    assert headline(config, "mine").endswith(f" epochs, encoder {wanted}")


def test_the_headline_of_a_study_that_goes_on_tells_what_it_has():
    plain = Leader("t0000-infonce", 0.4)
    told = headline(SOFT, "mine", Former(done=18, best=plain, infonce=plain))
    assert told.endswith("; 18 of 20 done; best 0.4000 t0000-infonce, which is InfoNCE")
