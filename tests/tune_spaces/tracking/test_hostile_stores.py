"""Lines that no softnce wrote, and addresses that need what is not installed."""

import json

import pytest
from mlflow import MlflowClient

from softnce.errors import SetupError
from tune_spaces.tracking.store import Store, own_uri
from tune_spaces.tracking.tracker import Tracker

END = {"kind": "end", "key": "t0000", "state": "complete", "error": "", "time_ms": 2}
REPORT = {"kind": "report", "key": "t0000", "epoch": 1, "metrics": {"mrr": 0.5}, "time_ms": 1}
HOSTILE = [
    {"kind": "begin"},
    {"kind": "begin", "key": 7, "name": "x", "params": {}, "tags": {}},
    {"kind": "begin", "key": "t0001", "name": "x", "params": [1], "tags": {}},
    {"kind": "unheard of"},
    {"kind": ["report"]},
    {"kind": None},
    {**REPORT, "metrics": [0.5]},
    {**REPORT, "epoch": "first"},
    {**REPORT, "epoch": 10**30},
    {**REPORT, "time_ms": -(10**30)},
    {**REPORT, "metrics": {"a\nb": 10**400}},
    {**END, "state": "merry"},
    {**END, "error": 5},
    {**END, "key": "t0000' or '1' = '1"},
    {"kind": "champion", "key": "t0000", "folder": 5, "config": "x", "time_ms": 3},
    {"kind": "close", "state": "complete", "time_ms": 4},
]


def test_misshapen_events_are_set_aside_and_counted_and_the_rest_is_sent(tmp_path):
    store = Store(own_uri(tmp_path), "softnce/made", tmp_path)
    begin = {"kind": "begin", "key": "t0000", "name": "x", "params": {}, "tags": {}, "time_ms": 0}
    lines = [begin, *HOSTILE, REPORT, END]
    (tmp_path / "tracking.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    tracker = Tracker(store, "made")
    tracker.connect()
    tracker.open({})
    assert tracker.close("complete", "note", timeout_s=120) == 0
    assert tracker.refused() == len(HOSTILE)
    aside = (tmp_path / "tracking.refused.jsonl").read_text().splitlines()
    assert all(json.loads(line)["refusal"] for line in aside)
    client = MlflowClient(store.uri)
    experiment = client.get_experiment_by_name("softnce/made").experiment_id
    runs = {run.data.tags.get("softnce.trial"): run for run in client.search_runs([experiment])}
    assert runs["t0000"].data.metrics == {"mrr": 0.5}
    assert runs["t0000"].info.status == "FINISHED"


@pytest.mark.parametrize(
    ("uri", "package"),
    [
        ("postgresql://me:secret@127.0.0.1:1/x", "psycopg[binary]"),
        ("mysql+pymysql://me:secret@127.0.0.1:1/x", "pymysql"),
    ],
)
def test_a_database_whose_driver_is_missing_is_reported_with_the_package(tmp_path, uri, package):
    with pytest.raises(SetupError) as caught:
        Tracker(Store(uri, "softnce/made", tmp_path), "made").connect()
    assert f"install {package}, or correct tracking.uri" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("folder", "folder: a folder; correct tracking.uri"),
        ("text", "text: no SQLite database; correct tracking.uri"),
        ("mlflow.db", "mlflow.db: no SQLite database; remove it, and it is made anew"),
    ],
)
def test_what_is_no_database_is_refused_at_once(tmp_path, place, said):
    (tmp_path / "folder").mkdir()
    for name in ("text", "mlflow.db"):
        (tmp_path / name).write_text("a text, and no database" * 99)
    store = Store(f"sqlite:///{tmp_path / place}", "softnce/made", tmp_path)
    with pytest.raises(SetupError) as caught:
        Tracker(store, "made").connect()
    assert said in str(caught.value)


def test_a_database_that_is_torn_is_out_of_reach(tmp_path):
    (tmp_path / "torn.db").write_bytes(b"SQLite format 3\0" + b"torn" * 999)
    store = Store(f"sqlite:///{tmp_path / 'torn.db'}", "softnce/made", tmp_path)
    with pytest.raises(SetupError, match=r"torn\.db is out of reach: "):
        Tracker(store, "made").connect()


@pytest.mark.parametrize("content", [None, b"", b"a text, and no database" * 99])
def test_what_a_lost_or_ruined_database_held_waits_to_be_sent(tmp_path, content):
    begin = {"kind": "begin", "key": "t0000", "name": "x", "params": {}, "tags": {}, "time_ms": 0}
    (tmp_path / "tracking.jsonl").write_text(json.dumps(begin) + "\n")
    (tmp_path / "tracking.cursor").write_text("1")
    if content is not None:
        (tmp_path / "mlflow.db").write_bytes(content)
    assert Tracker(Store(own_uri(tmp_path), "softnce/made", tmp_path), "made").waiting() == 1
