"""Hard negatives of a guide: near, neither duplicates nor suspected, of the training split."""

import json
import random

import numpy as np
import pytest
import torch

from softnce.__main__ import _code
from softnce.data.pairs import Pair, read_pairs
from softnce.errors import ConfigError, RunError
from softnce.inputs.hard_negatives import MiningRule, bm25_guide, mined_negatives
from softnce.weights.duplicates import code_groups, query_groups
from tests.conftest import made_pair


def pairs(count=40):
    draw = random.Random(5)
    rows = [made_pair(number, draw) for number in range(count)]
    return [Pair(row["query"], row["code"], f"p{n}") for n, row in enumerate(rows)]


def fixed(scores):
    return lambda rows: scores[torch.from_numpy(rows)]


def scored(count=40, seed=2):
    found = torch.rand(count, count, generator=torch.Generator().manual_seed(seed))
    return found.double().fill_diagonal_(0.8)


def test_none_is_a_duplicate_of_query_or_function_and_none_is_suspected():
    known = pairs()
    known[7] = Pair(known[3].query, known[7].code, "same query")
    known[9] = Pair(known[9].query, known[3].code.upper(), "same function")
    scores = scored()
    scores[3, [7, 9]] = 0.79
    rule = MiningRule(each=5, pool=39, margin=0.1)
    found = mined_negatives(known, fixed(scores), rule)
    assert found.rows.shape == (40, 5)
    assert not {3, 7, 9} & set(found.rows[3].tolist())
    for row, own in enumerate(found.rows):
        assert len(set(own.tolist()) | {row}) == 6
        assert (scores[row, own] <= 0.72).all()
    false = (scores > 0.72) & ~torch.eye(40, dtype=torch.bool)
    assert found.pools.suspected == pytest.approx(int(false.sum()) / (40 * 39), abs=0.01)
    assert found.pools.duplicates == pytest.approx(4 / (40 * 39), abs=4 / (40 * 39))


def test_only_the_pool_is_drawn_from_and_later_draws_are_nearer():
    scores = scored(200).fill_diagonal_(1.0)
    rule = MiningRule(each=8, pool=60, margin=0.0, hottest=5.0, coldest=0.02)
    known = pairs(200)
    groups = [
        torch.tensor(query_groups([one.query for one in known])),
        torch.tensor(code_groups([one.code for one in known], [one.language for one in known])),
    ]
    found = mined_negatives(known, fixed(scores), rule)
    for row, own in enumerate(found.rows):
        same = (groups[0] == groups[0][row]) | (groups[1] == groups[1][row])
        nearest = scores[row].masked_fill(same, -1.0).argsort(descending=True)[:60].tolist()
        assert set(own.tolist()) <= set(nearest)
    drawn = np.take_along_axis(scores.numpy(), found.rows, axis=1)
    assert drawn[:, -1].mean() > drawn[:, 0].mean()


def test_the_same_seed_draws_the_same():
    known, rule = pairs(), MiningRule(each=3, pool=20, seed=4)
    first, again = (mined_negatives(known, bm25_guide(known), rule) for _ in range(2))
    assert (first.rows == again.rows).all()
    other = mined_negatives(known, bm25_guide(known), MiningRule(each=3, pool=20, seed=5))
    assert (first.rows != other.rows).any()


def test_a_query_that_shares_no_word_with_its_function_is_no_end_of_it():
    """BM25 gives its own function 0, so that whatever shares a word with it is suspected."""
    known = pairs()
    known[4] = Pair(known[5].query + " too", "x = 1", "apart")
    rule = MiningRule(each=2, pool=20)
    found = mined_negatives(known, bm25_guide(known), rule)
    assert found.rows.shape == (40, 2)
    scores = bm25_guide(known)(np.array([4]))[0]
    assert float(scores[4]) == 0
    assert (scores[found.rows[4]] == 0).all()


def test_scores_that_are_no_numbers_are_refused():
    scores = scored()
    scores[2, 3] = float("nan")
    with pytest.raises(RunError, match="the guide: 1 of"):
        mined_negatives(pairs(), fixed(scores), MiningRule(each=1))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"each": 0}, "0 hard negatives"),
        ({"each": 5, "pool": 4}, "5 hard negatives of a query from its 4"),
        ({"each": 1, "margin": 1.0}, "margin=1.0 is no share"),
        ({"each": 1, "hottest": 0.1, "coldest": 0.2}, "temperatures from 0.1 to 0.2"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(rule, said):
    with pytest.raises(ConfigError, match=said):
        MiningRule(**rule)


@pytest.fixture
def source(made_pairs, tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(made_pairs.read_text().splitlines()[:120]))
    return path


def typed(capsys, *words):
    code = _code(["mine-negatives", *map(str, words)], debug=False)
    shown = capsys.readouterr()
    return code, shown.out + shown.err


def test_the_verb_writes_a_set_that_a_search_reads(source, tmp_path, capsys):
    out = tmp_path / "mined"
    code, said = typed(capsys, source, "--out", out, "--each", 2)
    assert code == 0
    assert "suspected false negatives" in said
    assert "--set data.negatives=2" in said.replace("\n", "")
    before, after = read_pairs(source), read_pairs(out, negatives=2)
    assert [one.query for one in after.train] == [one.query for one in before.train]
    assert (after.valid.texts, after.test.texts) == (before.valid.texts, before.test.texts)
    assert after.candidates == before.candidates
    codes = {one.code for one in before.train}
    for pair in after.train:
        assert set(pair.negatives) <= codes - {pair.code}
    stamp = (out / "train.jsonl").stat().st_mtime_ns
    assert typed(capsys, source, "--out", out, "--each", 2)[0] == 0  # made already
    assert (out / "train.jsonl").stat().st_mtime_ns == stamp
    assert typed(capsys, source, "--out", out, "--each", 1)[0] == 0
    assert len(json.loads((out / "train.jsonl").read_text().splitlines()[0])["negatives"]) == 1


def test_a_model_guides_too(source, tmp_path, minilm, capsys):
    code, _ = typed(capsys, source, "--out", tmp_path / "mined", "--guide", minilm, "--margin", 0)
    assert code == 0
    assert all(one.negatives for one in read_pairs(tmp_path / "mined", negatives=1).train)


def test_a_folder_of_something_else_is_not_replaced(source, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    code, said = typed(capsys, source, "--out", tmp_path / "mine")
    assert code == 2
    assert "is no mined set; give another --out" in said.replace("\n", " ")
    assert (tmp_path / "mine" / "thesis.txt").exists()
