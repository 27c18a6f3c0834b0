"""What a loss does to negatives is told by its gradient beside InfoNCE's."""

import random

import pytest

from softnce.__main__ import _code
from softnce.config.file import validated
from softnce.data.pairs import Pair
from softnce.diagnostics.loss_effects import loss_views
from softnce.diagnostics.loss_settings import loss_settings
from softnce.diagnostics.requested import RequestedEstimators
from softnce.errors import ConfigError
from tests.conftest import made_pair
from tests.faults import softnce

CONFIG = validated({"data": {"path": "pairs"}})
JUDGED = {"weights/temperature": 0.2, "optim/batch_size": 32}


def settings(loss, *words):
    changes = {**JUDGED, **{f"loss/{name}": value for name, value in loss.items()}}
    return loss_settings(CONFIG, changes, RequestedEstimators(words))


def seen(estimator="bm25", **loss):
    draw = random.Random(5)
    rows = [made_pair(number, draw) for number in range(30)]
    pairs = [Pair(row["query"], row["code"], str(n)) for n, row in enumerate(rows)]
    pairs += [Pair(one.query, f"{one.code}\n# again", f"{one.id} again") for one in pairs[:2]]
    requested, found = RequestedEstimators((estimator,)), settings(loss, estimator)
    (view,) = loss_views(pairs, requested, found, batch_size=32, most=3)
    assert sum(view.shares.values()) == pytest.approx(1)
    return view


def test_infonce_does_nothing():
    view = seen(name="infonce")
    assert view.shares["as InfoNCE"] == 1
    assert view.relief == pytest.approx(0, abs=1e-6)
    assert not view.examples


@pytest.mark.parametrize(
    ("loss", "kind", "sign"),
    [
        ({"name": "soft-infonce"}, "relieved", 1),
        ({"name": "tilted", "tilt": -2.0}, "relieved", 1),
        ({"name": "tilted", "tilt": 2.0}, "hardened", -1),
        ({"name": "margin-mask", "margin": -3.0}, "masked", 1),
        ({"name": "infonce", "duplicates": "mask"}, "masked", 1),
        ({"name": "infonce", "duplicates": "promote"}, "promoted", 1),
        ({"name": "promoted", "promotion": 0.5}, "promoted", 1),
    ],
)
def test_each_kind_is_told_with_its_texts(loss, kind, sign):
    view = seen(**loss)
    assert view.shares[kind] > 0
    assert view.relief * sign > 0
    first = next(one for one in view.examples if one.kind == kind)
    assert first.query
    assert first.code


def test_known_duplicates_are_masked_as_a_search_masks_them():
    view = seen("duplicates", name="soft-infonce")
    assert view.shares["masked"] > 0
    assert view.shares["relieved"] == 0


def test_an_estimator_that_a_search_would_refuse_is_not_shown():
    words = ("duplicates", "bm25", "bm25-official", "mixture")
    promoted, *rest = settings({"name": "promoted"}, *words)
    assert "would promote every negative of a query without duplicates" in str(promoted)
    assert [one.weights.bm25.variant for one in rest[:2]] == ["okapi", "official"]
    assert set(rest[2].weights.parts) == {"bm25", "duplicates"}
    masking = settings({"name": "margin-mask", "mask": "relative"}, *words)
    assert [isinstance(one, ConfigError) for one in masking] == [False, False, True, True]
    assert "those of weights.bm25.variant: official have none" in str(masking[2])


def test_the_verb_shows_a_loss(made_pairs, tmp_path):
    words = ["weights", str(made_pairs), "--estimator", "bm25", "--batch-size", "16"]
    shown = softnce(*words, "--loss", "tilted", "--loss", "tilt=-3", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "tilted by bm25: promoted 0.00%" in shown.stdout
    assert "relieved x" in shown.stdout
    assert "not shown" not in shown.stdout
    refused = softnce(*words, "--loss", "tlted", cwd=tmp_path)
    assert refused.returncode == 2
    assert "did you mean tilted?" in refused.stderr


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("tilt=[1", "--loss tilt=[1: the value is not valid YAML"),
        ("=3", "loss.: unknown key"),
        ("prior=1", "loss.prior: input should be less than 1"),
        ("trust_rank=2", "compares queries with queries"),
        ("promoted", "would promote every negative of a query without duplicates"),
    ],
)
def test_a_wrong_word_is_told_in_a_line_before_any_work(tmp_path, capsys, word, said):
    words = ["weights", str(tmp_path / "no such data"), "--loss", "tilted", "--loss", word]
    words += ["--estimator", "bm25", "--estimator", "duplicates"]
    assert _code(words, debug=False) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert said in shown
    assert "no such data" not in shown


def test_duplicates_are_those_of_their_language():
    pairs = [Pair(f"{n}", f"def f{n}(a):\n    return {n} * a.b{n}", f"{n}") for n in range(30)]
    pairs += [
        Pair(one, f"value = f(a, b)\nreturn value  # {one}", one, "ruby")
        for one in ("the (first)", "which [b]")
    ]
    found = settings({"name": "infonce", "duplicates": "mask"}, "bm25")
    (view,) = loss_views(pairs, RequestedEstimators(("bm25",)), found, batch_size=32, most=9)
    assert {one.query for one in view.examples} == {"the (first)", "which [b]"}
