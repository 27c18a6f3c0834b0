"""The verb ``weights``: what estimators do to one's own data, on made and on real pairs."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from softnce.data.pairs import Pair
from softnce.errors import ConfigError, DataError
from softnce.training.agreement import Agreement, agreements, auc, judged_pairs
from softnce.training.survey import Coefficients, estimators, views
from softnce.training.survey_page import write_page

SOFTNCE = Path(sys.executable).with_name("softnce")
PLAIN = Coefficients(alpha=1.0, beta=1.0, temperature=1.0)
EVIL = "<script>alert('x')</script> & [red]${\\frac}$"


def made(count, repeated=0):
    """Return pairs of distinct queries, the last ones asking for what the first ones ask."""
    pairs = [Pair(f"word{i} other{i}", f"def f{i}(): return {i}", f"id{i}") for i in range(count)]
    twins = [Pair(pairs[i].query, f"def twin{i}(): return {i}", f"t{i}") for i in range(repeated)]
    return [*pairs[: count - repeated], *twins]


def set_folder(folder, label0="text"):
    """Write a set whose label-0 functions are about something else than their queries."""
    words = ["open", "close", "count", "merge", "split", "parse", "write", "read"]
    train = [
        {"query": f"{w} item{i}", "code": f"def {w}(item{i}): pass", "url": f"u{i}-{w}"}
        for i in range(10)
        for w in words
    ]
    wrong = [{**row, "code": "def unrelated(thing): return 0"} for row in train]
    base = [{**row, "docstring": f"to {row['query']}", "query": None} for row in train]
    folder.mkdir(parents=True, exist_ok=True)
    parts = {"train": train, "valid": train[:5], "codebase": base, "train_nonmatching": wrong}
    if label0 is None:
        del parts["train_nonmatching"]
    for part, rows in parts.items():
        text = "\n".join(json.dumps(row) for row in rows)
        (folder / f"{part}.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    return folder


def typed(*words, cwd):
    return subprocess.run(
        [str(SOFTNCE), "weights", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_two_queries_for_the_same_are_the_first_suspects():
    (view,) = views(made(40, repeated=3), ["bm25"], [], PLAIN, batch_size=40)
    twins = {one.query for one in view.suspects[:6]}
    assert twins == {f"word{i} other{i}" for i in range(3)}
    assert all(one.query == one.other for one in view.suspects[:6])
    assert view.suspects[0].weight == pytest.approx(0.1)


def test_every_negative_of_every_batch_is_counted():
    (view,) = views(made(100), ["bm25"], [], PLAIN, batch_size=20)
    assert view.scores.shape == view.weights.shape == (5 * 20 * 19,)


def test_without_alpha_no_negative_is_turned_down():
    plain = Coefficients(alpha=0.0, beta=1.0, temperature=1.0)
    (view,) = views(made(40, repeated=5), ["bm25-lucene"], [], plain, batch_size=40)
    assert np.ptp(view.weights) == 0


def test_each_word_is_its_own_variant():
    queries = ["read a file", "read a table", "count a b c", "write file file"]
    rows, found = torch.arange(4), {}
    for one in estimators(["bm25", "bm25-official", "bm25-lucene"], [], queries):
        found[one.name] = one.relevance(rows, rows)
    assert len(found) == 3
    assert not torch.allclose(found["bm25"], found["bm25-official"])
    assert found["bm25-lucene"].min() >= 0


@pytest.mark.parametrize("seed", range(3))
def test_the_area_agrees_with_scikit_learn(seed):
    draw = np.random.default_rng(seed)
    positive, negative = draw.integers(0, 9, 70) / 2, draw.integers(0, 7, 50) / 2
    labels = [1] * 70 + [0] * 50
    wanted = roc_auc_score(labels, np.concatenate([positive, negative]))
    assert auc(positive, negative) == pytest.approx(wanted, abs=1e-12)


def test_label_0_pairs_about_something_else_are_told_apart(tmp_path):
    pairs = made_pairs_of(set_folder(tmp_path / "set"))
    judged = judged_pairs(tmp_path / "set", pairs, most=60)
    assert sum(one.answers for one in judged) == 60
    found = agreements(judged, ["bm25"], [], batch_size=30)
    assert [one.compared for one in found] == ["code", "docstring"]
    assert found[0].score > 0.99
    assert found[1].score == pytest.approx(0.5, abs=0.1)  # the docstring is the same for both


def made_pairs_of(folder):
    from softnce.data.pairs import read_pairs

    return read_pairs(folder).train


def test_without_judged_pairs_nothing_is_asked(tmp_path):
    pairs = made_pairs_of(set_folder(tmp_path / "set", label0=None))
    assert judged_pairs(tmp_path / "set", pairs, most=9) == []
    assert agreements([], ["bm25"], [], batch_size=8) == []


def test_texts_are_escaped_on_the_page(tmp_path):
    pairs = [*made(10), Pair(EVIL, f"def f(): '''{EVIL}'''", "x"), Pair(EVIL, "def g(): 1", "y")]
    seen = views(pairs, ["bm25"], [], PLAIN, batch_size=12)
    people = [Agreement(EVIL, "code", 0.5, 0.5, (5, 5))]
    write_page(tmp_path / "out", EVIL, seen, people, most=3)
    page = (tmp_path / "out" / "weights.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page.replace("https://", "http://")
    assert (tmp_path / "out" / "weights.png").read_bytes().startswith(b"\x89PNG")


def test_the_verb_writes_a_page_and_shows_tables(tmp_path):
    folder = set_folder(tmp_path / "set")
    done = typed(folder, "--batch-size", 40, "--out", "seen", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "bm25-lucene: turned down most" in done.stdout
    assert "AUC" in done.stdout
    assert "data:image/png;base64," in (tmp_path / "seen" / "weights.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["set", "--estimator", "bm52"], "--estimator bm52: give bm25, bm25-official"),
        (["set", "--batch-size", "500"], "80 training pairs do not fill one batch of 500"),
        (["set", "--batch-size", "2"], "alpha=1 and beta=1 need more than 1 negatives"),
        (["set", "--batch-size", "8", "--temperature", "0"], "weights.temperature=0.0 is out"),
        (["set", "--batch-size", "8", "--model", "./none"], "there is no such folder"),
        (["set", "--batch-size", "8", "--out", "set/train.jsonl.gz"], "cannot be written"),
    ],
)
def test_a_mistake_is_answered_with_one_line(tmp_path, words, said):
    set_folder(tmp_path / "set")
    done = typed(*words, cwd=tmp_path)
    assert done.returncode in {2, 3}
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert sum("error:" in line for line in done.stderr.splitlines()) == 1


def test_the_domain_and_the_words_are_checked_in_the_library_too():
    with pytest.raises(ConfigError):
        views(made(4), ["bm25"], [], PLAIN, batch_size=2)
    with pytest.raises(DataError):
        views(made(4), ["bm25"], [], PLAIN, batch_size=8)


@pytest.mark.slow
def test_a_real_model_tells_human_labels_apart(real_data, minilm):
    folder = real_data / "cosqa"
    judged = judged_pairs(folder, made_pairs_of(folder), most=80)
    assert len(judged) == 160
    found = agreements(judged, ["bm25"], [str(minilm)], batch_size=50)
    assert len(found) == 4
    assert all(0.3 < one.score < 0.8 for one in found)
    assert max(one.score for one in found if one.estimator != "bm25") > 0.5
