"""GPU hours are counted over all searches of a study, and end a search at their limit."""

from types import SimpleNamespace

import pytest

from softnce.config.sections.study import ResourcesSection
from softnce.errors import EXIT_STOPPED, ConfigError
from tests.faults import softnce
from tune_spaces.tune.gpu_meter import GPUMeter, GPUMeterCallback, used_gpu_hours
from tune_spaces.tune.searcher import StopSwitch

TWO_HALVES = ResourcesSection(workers=2, gpus_per_worker=0.5)  # a whole GPU a trial


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_hours_are_seconds_of_running_trials_times_the_gpus_of_each(tmp_path, clock):
    meter = GPUMeter(tmp_path, ResourcesSection(workers=2, gpus_per_worker=2), clock=clock)
    clock.now += 1000  # nothing runs
    meter.begin("one")
    clock.now += 900
    meter.begin("two")
    clock.now += 900
    meter.end("one")
    meter.end("one")
    clock.now += 900
    assert meter.hours == pytest.approx((1800 + 1800) * 4 / 3600)


def test_what_earlier_searches_used_counts(tmp_path, clock):
    earlier = GPUMeter(tmp_path, TWO_HALVES, clock=clock)
    with earlier.running("teacher"):
        clock.now += 1800
    later = GPUMeter(tmp_path, TWO_HALVES, limit=0.75, clock=clock)
    assert later.hours == used_gpu_hours(tmp_path) == 0.5
    later.begin("t0000")
    clock.now += 899
    assert not later.is_spent
    clock.now += 1
    assert later.is_spent


def test_a_search_that_is_killed_forgets_seconds_only(tmp_path, clock):
    killed = GPUMeter(tmp_path, TWO_HALVES, limit=9, clock=clock)
    killed.begin("t0000")
    for _ in range(360):
        clock.now += 10
        assert not killed.is_spent
    assert used_gpu_hours(tmp_path) == pytest.approx(1.0)


def test_tune_tells_which_trials_run(tmp_path, clock):
    meter = GPUMeter(tmp_path, TWO_HALVES, clock=clock)
    callback = GPUMeterCallback(meter)
    endings = [callback.on_trial_complete, callback.on_trial_error, callback.on_trial_recover]
    for number, ended in enumerate(endings):
        trial = SimpleNamespace(trial_id=str(number))
        callback.on_trial_start(0, [], trial)
        clock.now += 3600
        ended(0, [], trial)
    clock.now += 3600
    assert meter.hours == pytest.approx(3.0)


def test_a_spent_limit_stops_the_search_with_everything_kept(tmp_path, clock):
    meter = GPUMeter(tmp_path, TWO_HALVES, limit=1.5, clock=clock)
    switch = StopSwitch(None, meter)
    meter.begin("t0000")
    assert not switch.stop_all()
    clock.now += 5401
    assert switch.stop_all()
    assert switch.exit_code == EXIT_STOPPED
    assert switch.reason == "1.5 GPU hours are spent (search.max_gpu_hours)"


@pytest.mark.parametrize("text", ["", "{}", '{"gpu_hours": "many"}', '{"gpu_hours": NaN}', "[1]"])
def test_a_damaged_count_is_refused_with_its_cure(tmp_path, text):
    (tmp_path / "gpu-hours.json").write_text(text)
    with pytest.raises(ConfigError, match=r"gpu-hours\.json: does not tell the GPU hours"):
        GPUMeter(tmp_path, TWO_HALVES)


@pytest.mark.parametrize(
    ("hours", "told"),
    [("0", "search.max_gpu_hours"), ("-1", "search.max_gpu_hours"), ("x", "--max-gpu-hours")],
)
def test_a_limit_that_is_none_is_refused_in_one_line(tmp_path, hours, told):
    said = softnce("search", "quick", "--max-gpu-hours", hours, cwd=tmp_path)
    assert said.returncode == 2
    assert told in said.stderr
    assert said.stderr.count("\n") == 1


def test_a_limit_is_told_to_bound_nothing_where_no_gpu_is_reserved(tmp_path):
    words = ["--set", f"data.path={tmp_path}/none.csv", "--max-gpu-hours", "2"]
    said = softnce("search", "quick", *words, cwd=tmp_path)
    assert said.returncode == 2
    assert "note: search.max_gpu_hours bounds nothing here" in said.stdout
