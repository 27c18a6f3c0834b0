"""The verb ``weights``: what estimators do to one's own data, on made and on real pairs."""

import gzip
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from softnce.config.file import validated
from softnce.config.sections.method import WeightsSection
from softnce.data.batching import epoch_batches
from softnce.data.pairs import Pair, read_pairs
from softnce.diagnostics.human_agreement import Agreement, agreements, auc, judged_pairs
from softnce.diagnostics.requested import (
    ALONE,
    ComparedTexts,
    RequestedEstimators,
    check,
    estimators,
)
from softnce.diagnostics.trained_models import trained_models
from softnce.diagnostics.weight_analysis import Coefficients, views
from softnce.diagnostics.weight_page import write_page
from softnce.errors import ConfigError, DataError
from softnce.inputs.estimators import build_estimator
from softnce.inputs.frozen_models import FROZEN_MODELS, vectors_key
from softnce.inputs.frozen_vectors import cache_vectors
from softnce.inputs.prepare import prepare
from softnce.training.loop import epochs
from softnce.weights.weighting import negative_weights, standardised
from tune_spaces.study.fingerprint import require_same, require_same_weights
from tune_spaces.study.folder import StudyFolder
from tune_spaces.study.trained_study import trained_study

SOFTNCE = Path(sys.executable).with_name("softnce")
PLAIN = Coefficients(alpha=1.0, beta=1.0, temperature=1.0)
BM25 = RequestedEstimators(["bm25"])
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
        timeout=300,
        check=False,
    )


def test_two_queries_for_the_same_are_the_first_suspects():
    (view,) = views(made(40, repeated=3), BM25, PLAIN, batch_size=40, most=20)
    twins = {one.query for one in view.suspects[:6]}
    assert twins == {f"word{i} other{i}" for i in range(3)}
    assert all(one.query == one.other for one in view.suspects[:6])
    assert view.suspects[0].weight == pytest.approx(0.1)


def test_every_negative_of_every_batch_is_counted():
    (view,) = views(made(100), BM25, PLAIN, batch_size=20, most=1)
    assert view.scores.shape == view.weights.shape == (5 * 20 * 19,)


def test_without_alpha_no_negative_is_turned_down():
    plain = Coefficients(alpha=0.0, beta=1.0, temperature=1.0)
    requested = RequestedEstimators(["bm25-lucene"])
    (view,) = views(made(40, repeated=5), requested, plain, batch_size=40, most=1)
    assert np.ptp(view.weights) == 0


def test_each_word_is_its_own_variant():
    queries = ["read a file", "read a table", "count a b c", "write file file"]
    rows, found = torch.arange(4), {}
    for one in estimators(
        RequestedEstimators(["bm25", "bm25-official", "bm25-lucene"]),
        ComparedTexts(queries, queries),
    ):
        found[one.name] = one.relevance(rows, rows)
    assert len(found) == 3
    assert not torch.allclose(found["bm25"], found["bm25-official"])
    assert found["bm25-lucene"].min() >= 0


def test_a_duplicate_is_left_out_and_nothing_else_is_touched():
    pairs = made(40, repeated=3)
    (view,) = views(pairs, RequestedEstimators(["duplicates"]), PLAIN, batch_size=40, most=20)
    assert sorted(view.weights)[:7] == [0.0] * 6 + [1.0]
    assert view.weights.max() == 1
    assert len(view.suspects) == 6
    assert {(one.query == one.other, one.weight, one.share) for one in view.suspects} == {
        (True, 0.0, 1.0)
    }


def test_the_same_functions_are_duplicates_whatever_their_queries_say():
    pairs = [*made(10), Pair("something else", made(1)[0].code, "copy")]
    (view,) = views(pairs, RequestedEstimators(["duplicates"]), PLAIN, batch_size=11, most=20)
    assert {one.query for one in view.suspects} == {"something else", "word0 other0"}


def test_a_document_is_a_duplicate_where_it_repeats_the_query():
    texts = ComparedTexts(
        ["read a file", "count words"], ["f()", "g()"], ["Read a file", "another thing"]
    )
    (built,) = estimators(RequestedEstimators(["duplicates"]), texts)
    rows = torch.arange(2)
    assert built.relevance(rows, rows).tolist() == [[1, 0], [0, 0]]


def test_a_mixture_is_the_mean_of_all_others_each_on_one_scale():
    queries = ["read a file", "read a table", "count a b c", "write file file"]
    requested = RequestedEstimators(["mixture", "bm25", "bm25-lucene", "duplicates"])
    *parts, mixture = estimators(requested, ComparedTexts(queries, queries))
    rows = torch.arange(4)
    found = [standardised(one.relevance(rows, rows)).float() for one in parts]
    assert [one.name for one in parts] == ["bm25", "bm25-lucene", "duplicates"]
    torch.testing.assert_close(mixture.relevance(rows, rows), sum(found) / 3)


def test_the_words_that_stand_alone_are_looked_at_unless_others_are_requested():
    check(RequestedEstimators(ALONE))
    with pytest.raises(ConfigError, match="fewer than two"):
        check(RequestedEstimators(["mixture", "bm25"]))


@pytest.mark.parametrize("most", [20, 100])
def test_as_many_suspects_are_named_as_were_requested(most):
    (view,) = views(made(120), BM25, PLAIN, batch_size=120, most=most)
    assert len(view.suspects) == most


def test_raw_scores_are_weighed_as_they_are():
    pairs = made(30, repeated=4)
    raw = Coefficients(alpha=1.0, beta=1.0, temperature=3.0, scale="raw")
    (view,) = views(pairs, BM25, raw, batch_size=30, most=1)
    (row,) = epoch_batches(30, batch_size=30, seed=0, epoch=1).tolist()
    queries = [pairs[one].query for one in row]
    (built,) = estimators(BM25, ComparedTexts(queries, queries))
    scores = built.relevance(torch.arange(30), torch.arange(30))
    wanted = negative_weights(scores, alpha=1.0, beta=1.0, temperature=3.0)
    negative = ~torch.eye(30, dtype=torch.bool)
    np.testing.assert_allclose(view.weights, wanted[negative].numpy())
    np.testing.assert_allclose(view.scores, scores[negative].numpy())


@pytest.mark.parametrize("floor", [0.0, 0.1, 0.4])
def test_no_weight_lies_below_the_floor(floor):
    floored = Coefficients(alpha=1.0, beta=1.0, temperature=0.1, floor=floor)
    (view,) = views(made(40, repeated=5), BM25, floored, batch_size=40, most=1)
    assert view.weights.min() == pytest.approx(floor)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, minilm):
    """A set and a study of it, whose teacher and SimCSE are trained but whose trials are not."""
    data = set_folder(tmp_path_factory.mktemp("trained") / "set")
    cache = data.parent / "shared-cache"
    simcse = {"model": str(minilm), "batch_size": 8, "epochs": 1, "max_steps": 1, "max_length": 16}
    config = validated(
        {
            "data": {"path": str(data)},
            "encoder": {"vocabulary": 300, "dimensions": 16, "max_length": 32},
            "optim": {"epochs": 1, "batch_size": 16, "learning_rate": 0.01},
            "weights": {"simcse": simcse, "teacher": {"score": "dot"}},
            "resources": {"cache": str(cache)},
        }
    )
    pairs, folder = read_pairs(data), StudyFolder(data.parent / "study", "study")
    prepared = prepare(config, pairs, cache, tell=lambda _: None, models=FROZEN_MODELS)
    keys = {model: vectors_key(model, config, prepared) for model in FROZEN_MODELS}
    prepared = replace(prepared, vectors=keys)
    for model, frozen in FROZEN_MODELS.items():
        own, inputs = frozen.configured(config), frozen.inputs(prepared)
        list(epochs(own, inputs, folder.root / model))
        cache_vectors(model, own, inputs, folder.root / model)
    require_same(folder, config, pairs.digest)
    require_same_weights(folder, prepared.weights)
    return data, folder.root, prepared


def test_the_frozen_models_of_a_study_are_found_with_their_trained_weights(trained):
    data, study, prepared = trained
    queries = [pair.query for pair in made_pairs_of(data)]
    found = trained_models(trained_study(study))
    assert [(one.name, one.score) for one in found] == [("teacher", "dot"), ("simcse", "cosine")]
    for one in found:
        vectors = one.encoder.encode_all(one.encoder.tokenize(queries)).numpy()
        np.testing.assert_array_equal(vectors, prepared.frozen_vectors(one.name, "queries"))


def test_a_teacher_compares_queries_with_codes_and_simcse_queries_with_queries(trained):
    data, study, prepared = trained
    pairs = made_pairs_of(data)
    texts = ComparedTexts([pair.query for pair in pairs], [pair.code for pair in pairs])
    rows = torch.arange(len(pairs))
    for built in estimators(
        RequestedEstimators(trained=trained_models(trained_study(study))), texts
    ):
        section = WeightsSection(estimator=built.name, teacher={"score": "dot"})
        wanted = build_estimator(section, prepared, torch.device("cpu"))
        torch.testing.assert_close(built.relevance(rows, rows), wanted.relevance(rows, rows))


@pytest.mark.slow
def test_the_verb_shows_the_models_of_a_study_beside_the_others(tmp_path, trained):
    data, study, _ = trained
    words = ["--study", study, "--batch-size", 40, "--estimator", "bm25", "--estimator", "mixture"]
    done = typed(data, *words, "--top", 30, "--scale", "raw", "--floor", 0, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "softnce-weights" / "weights.html").read_text()
    for name in ("bm25", "teacher", "simcse", "mixture"):
        assert f"{name}: turned down most" in done.stdout
        assert f"<td>{name}</td><td>query - code</td>" in page
        assert f"<td>{name}</td><td>query - docstring</td>" in page
    assert "trained no" not in done.stdout
    assert "<td>5 / 5</td>" in page  # the held-out pairs: the teacher knows the others
    assert page.count("<h2>bm25: ") == 1
    suspects = page.split("<h2>bm25: ")[1].split("<h2>")[0]
    assert suspects.count("<tr>") == 31


def test_a_study_that_trained_no_such_model_says_so_in_a_line(tmp_path):
    data = set_folder(tmp_path / "set")
    config = validated({"data": {"path": str(data)}})
    require_same(StudyFolder(tmp_path / "study", "study"), config, read_pairs(data).digest)
    words = ["--study", "study", "--batch-size", 40, "--estimator", "bm25"]
    done = typed(data, *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (said,) = [line for line in done.stdout.splitlines() if "has trained no" in line]
    assert said == "study has trained no teacher and no simcse: none of its trials uses it"
    assert "80 / 80" in " ".join(done.stdout.split())


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"data": "x", "weights": 3}'])
def test_a_damaged_study_is_named(tmp_path, content):
    (tmp_path / "config.yaml").write_text("data: {path: pairs}")
    (tmp_path / "study.json").write_text(content)
    with pytest.raises(ConfigError, match=r"study\.json: damaged"):
        trained_study(tmp_path)


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
    found = agreements(judged, BM25, batch_size=30)
    assert [one.compared for one in found] == ["code", "docstring"]
    assert found[0].score > 0.99
    assert found[1].score == pytest.approx(0.5, abs=0.1)  # the docstring is the same for both


def made_pairs_of(folder):
    return read_pairs(folder).train


def test_without_judged_pairs_nothing_is_compared(tmp_path):
    pairs = made_pairs_of(set_folder(tmp_path / "set", label0=None))
    assert judged_pairs(tmp_path / "set", pairs, most=9) == []
    assert agreements([], BM25, batch_size=8) == []


def test_texts_are_escaped_on_the_page(tmp_path):
    pairs = [*made(10), Pair(EVIL, f"def f(): '''{EVIL}'''", "x"), Pair(EVIL, "def g(): 1", "y")]
    seen = views(pairs, BM25, PLAIN, batch_size=12, most=3)
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
        (["set", "--estimator", "bm52"], "--estimator bm52: unknown; give bm25, bm25-official"),
        (["set", "--estimator", "mixture"], "and fewer than two are requested"),
        (["set", "--study", "set"], "--study set: not a study's folder"),
        (["set", "--scale", "cooked"], "'cooked' is not one of 'standardised', 'raw'"),
        (["set", "--floor", "1.5"], "'--floor': Input should be less than or equal to 1"),
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
    assert done.returncode == (3 if "--model" in words else 2)
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert sum("error:" in line for line in done.stderr.splitlines()) == 1


def test_the_domain_and_the_words_are_checked_in_the_library_too():
    with pytest.raises(ConfigError):
        views(made(4), BM25, PLAIN, batch_size=2, most=1)
    with pytest.raises(DataError):
        views(made(4), BM25, PLAIN, batch_size=8, most=1)


@pytest.mark.long
@pytest.mark.slow
def test_a_real_model_tells_human_labels_apart(real_data, minilm):
    folder = real_data / "cosqa"
    judged = judged_pairs(folder, made_pairs_of(folder), most=80)
    assert len(judged) == 160
    found = agreements(judged, RequestedEstimators(["bm25"], [str(minilm)]), batch_size=50)
    assert len(found) == 4
    assert all(0.3 < one.score < 0.8 for one in found)
    assert max(one.score for one in found if one.estimator != "bm25") > 0.5
