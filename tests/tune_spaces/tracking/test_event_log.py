"""Lines of the event log that a full disk or a crash cut short."""

import resource

import pytest

from tests.tune_spaces.tracking.stores import one_trial, opened, runs_of
from tune_spaces.tracking.event_log import EventLog
from tune_spaces.trial_state import TrialState


def test_a_line_that_a_full_disk_cuts_short_costs_that_event_alone(tmp_path, caplog):
    log, path = EventLog(tmp_path), tmp_path / "tracking.jsonl"
    log.append({"kind": "report", "epoch": 1})
    full = path.stat().st_size + 20
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (full, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            log.append({"kind": "report", "epoch": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.stat().st_size == full
    assert [event["epoch"] for event, _ in log.pending()] == [1]
    assert not caplog.messages  # it might be in the writing
    log.append({"kind": "report", "epoch": 3})
    for _ in range(3):
        assert [event["epoch"] for event, _ in log.pending()] == [1, 3]
    assert caplog.messages == [f"{path}:2: torn, as by a full disk; left out"]


@pytest.mark.parametrize(
    "torn",
    [b'{"time_ms": 1, "kind": "rep', b"\0" * 99, b"\xff\xfe", b'"text"', b"{}", b"[1]"],
    ids=["half", "zeros", "no text", "a word", "no event", "a list"],
)
@pytest.mark.parametrize("end", [b"\n", b""], ids=["on its own line", "glued to the next"])
def test_a_torn_line_holds_up_nothing_that_follows_it(tmp_path, caplog, torn, end):
    log, path = EventLog(tmp_path), tmp_path / "tracking.jsonl"
    log.append({"kind": "report", "epoch": 1})
    path.write_bytes(torn + end + path.read_bytes())
    log.append({"kind": "report", "epoch": 2})
    for _ in range(2):
        assert [event["epoch"] for event, _ in log.pending()] == [1, 2]
    assert caplog.messages == [f"{path}:1: torn, as by a full disk; left out"]


def test_a_study_with_a_torn_log_is_concluded(store, tmp_path):
    (tmp_path / "tracking.jsonl").write_bytes(b'{"time_ms": 1, "kind": "rep')
    tracker = opened(store)
    one_trial(tracker)
    assert tracker.close(TrialState.COMPLETE, "note") == 0
    assert runs_of(store)["t0000"].data.metrics["mrr"] == 0.5
    assert runs_of(store, "softnce.study")["made"].info.status == "FINISHED"


def test_an_event_that_lacks_only_its_newline_is_not_lost(tmp_path):
    log, path = EventLog(tmp_path), tmp_path / "tracking.jsonl"
    log.append({"kind": "report", "epoch": 1})
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    ((event, cursor),) = log.pending()
    assert event["epoch"] == 1
    log.append({"kind": "report", "epoch": 2})
    log.arrived(cursor)
    assert [event["epoch"] for event, _ in log.pending()] == [2]
    assert [event["epoch"] for event in log.all()] == [1, 2]


@pytest.mark.parametrize("cursor", [b"abc", b"-5", b"99999999", b"\xff\0", b"1e3"])
def test_a_damaged_cursor_counts_as_none(tmp_path, caplog, cursor):
    log = EventLog(tmp_path)
    log.append({"kind": "report", "epoch": 1})
    (tmp_path / "tracking.cursor").write_bytes(cursor)
    for _ in range(2):
        assert len(log.pending()) == 1
    (warning,) = caplog.messages
    assert "tracking.cursor: damaged; all events are sent again" in warning
