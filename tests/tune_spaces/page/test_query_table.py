"""The tables of a confirmation's queries: both splits, the largest change first."""

import json

import numpy as np
import pytest

from tests.told_studies import QUERIES, SEEDS, confirm_told, told_study
from tune_spaces.page.query_table import write_query_tables
from tune_spaces.report.facts import study_facts

TEXTS = [f"query {number}\n 日本" for number in range(QUERIES)]


@pytest.fixture(scope="module")
def confirmed(tmp_path_factory):
    """The folder of a confirmed study, and what its verdict rests on."""
    study = told_study(tmp_path_factory.mktemp("tables") / "told", 12)
    confirm_told(study)
    return study.folder.root, study_facts(study).verdict.facts


def tables(confirmed, texts):
    paths = write_query_tables(*confirmed, texts)
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def scores(root, side, split):
    return np.mean([np.load(root / f"confirm/{side}-s{seed}/{split}.npy") for seed in SEEDS], 0)


def test_both_splits_have_a_table_of_all_queries_with_both_sides_and_their_difference(confirmed):
    root, facts = confirmed
    found = tables(confirmed, TEXTS)
    sides = [facts["candidate"], f"{facts['opponent']} (InfoNCE)", "change"]
    for name, split, first in (
        ("per_query.json", "valid", ["query", "row"]),
        ("per_query_test.json", "test", ["row"]),
    ):
        table = found[name]
        assert table["columns"] == [*first, *sides]
        rows = np.array([row[-4:] for row in table["data"]], dtype=float)
        order = rows[:, 0].astype(int)
        assert sorted(order) == list(range(QUERIES))
        ours, theirs = (scores(root, facts[who], split) for who in ("candidate", "opponent"))
        assert np.allclose(rows[:, 1:3], np.stack([ours, theirs], 1)[order], atol=6e-5)
        assert np.allclose(rows[:, 3], (ours - theirs)[order], atol=6e-5)
        assert (np.diff(np.abs(rows[:, 3])) <= 1e-9).all()


def test_a_text_stands_beside_its_own_row_and_never_in_the_table_of_the_test_split(confirmed):
    found = tables(confirmed, TEXTS)
    for text, row, *_ in found["per_query.json"]["data"]:
        assert text == f"query {row} 日本"
    assert all(isinstance(value, int | float) for value in found["per_query_test.json"]["data"][0])


def test_without_texts_rows_alone_tell_the_queries_apart(confirmed):
    found = tables(confirmed, None)
    assert found["per_query.json"]["columns"] == found["per_query_test.json"]["columns"]


def test_a_study_that_is_not_confirmed_has_no_table(tmp_path):
    study = told_study(tmp_path / "told", 3)
    assert write_query_tables(study.folder.root, {}, TEXTS) == []
