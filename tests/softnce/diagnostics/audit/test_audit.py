"""An audit's groups are those of the search; judged sets of every form test the estimators."""

import json
import random

import pytest

from softnce.data.judged.judged_set import SetOptions
from softnce.data.pairs import read_pairs
from softnce.diagnostics.audit.audit import AuditOptions, audited
from softnce.diagnostics.audit.audited_set import file_facts
from softnce.diagnostics.audit.judged_answers import judged_answers
from softnce.diagnostics.requested import RequestedEstimators
from softnce.errors import DataError
from softnce.inputs.tables import duplicate_tables
from softnce.ragged import open_array
from tests.conftest import made_pair


def lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def small(tmp_path):
    """A folder of 40 made pairs, of which the last 8 repeat the first."""
    draw = random.Random(1)
    rows = [{**made_pair(number, draw), "url": f"u/{number}"} for number in range(32)]
    again = [dict(row, url=f"again/{place}") for place, row in enumerate(rows[:8])]
    lines(tmp_path / "set" / "train.jsonl", [*rows, *again])
    return tmp_path / "set"


def audit_of(folder, **options):
    pairs = read_pairs(folder)
    words = RequestedEstimators(("duplicates",))
    return audited(
        folder, pairs, file_facts(folder, {}), words, AuditOptions(**options), lambda *_: None
    )


def test_the_groups_of_a_study_are_those_of_its_estimator_and_kept_in_its_cache(small, tmp_path):
    plain = audit_of(small)
    kept = audit_of(small, cache=tmp_path / "cache")
    assert plain.batches == kept.batches
    assert plain.duplicates["train"].repeats >= 8
    written = {one: one.stat().st_mtime_ns for one in (tmp_path / "cache").rglob("*.npy")}
    assert written
    pairs = read_pairs(small)
    name = duplicate_tables(pairs, tmp_path / "cache", lambda _: None)
    assert {one: one.stat().st_mtime_ns for one in written} == written
    codes = open_array(tmp_path / "cache" / name, "codes").tolist()
    assert len(codes) - len(set(codes)) == plain.duplicates["train"].functions["renamed"]


def test_judgements_beside_the_splits_are_looked_at_unasked(small):
    rows = [json.loads(line) for line in (small / "train.jsonl").read_text().splitlines()][:20]
    lines(small / "codebase.jsonl", rows)
    store = [f"{row['query']},{row['url']},2" for row in rows]
    store += [
        f"{row['query']},{other['url']},1" for row, other in zip(rows[:15], rows[5:], strict=True)
    ]
    (small / "annotationStore.csv").write_text("\n".join(["Query,GitHubUrl,Relevance", *store]))
    people = [one for one in audit_of(small).precisions if one.truth == "people"]
    assert [(one.false, one.all) for one in people] == [(20, 35)]


def test_several_right_answers_stand_beside_as_many_wrong_ones(tmp_path):
    codes = [{"url": f"u/{n}", "code": f"def f{n}(rows): return rows[{n}]"} for n in range(12)]
    lines(tmp_path / "codebase.jsonl", codes)
    asked = [
        {"query": f"get row number {n}", "answers": [f"u/{n}", f"u/{n + 1}"]} for n in range(5)
    ]
    lines(tmp_path / "test.jsonl", [*asked, {"query": "only one row", "answers": ["u/3"]}])
    truth, found = judged_answers(tmp_path, SetOptions(split="all"), most=100, seed=0)
    assert (truth, len(found), sum(one.answers for one in found)) == ("answers", 20, 10)


def test_a_set_with_one_answer_for_each_query_tells_nothing(tmp_path):
    lines(tmp_path / "codebase.jsonl", [{"url": "u", "code": "def f(): ..."}])
    lines(tmp_path / "test.jsonl", [{"query": "get the row", "url": "u"}])
    with pytest.raises(DataError, match="neither graded judgements"):
        judged_answers(tmp_path, SetOptions(split="all"), most=100, seed=0)
