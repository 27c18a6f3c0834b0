"""Spaces that are refused with a sentence, and those that draw what nothing can train."""

import pytest

from tests.tune_spaces.space.made_spaces import made, refused


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"weights/alfa": {"real": [0, 1]}}, "no such setting; did you mean weights/alpha?"),
        ({"weights": {"choice": [1]}}, "search.space weights: names a section"),
        ({"weights/alpha": {}}, "exactly one of choice, real, int and tie"),
        ({"weights/alpha": {"real": [0, 1], "tie": "2"}}, "exactly one of choice, real, int and"),
        ({"weights/alpha": {"reel": [0, 1]}}, "search.space weights/alpha: reel: "),
        ({"weights/alpha": [0, 1]}, "weights/alpha: a mapping of names to values should be here"),
        ({"weights/alpha": None}, "search.space weights/alpha: "),
        ({"weights/alpha": {"real": [1, 0]}}, "the lower bound 1 is above the upper bound 0"),
        ({"weights/alpha": {"real": [0]}}, "search.space weights/alpha: real.1: missing"),
        ({"weights/alpha": {"real": [0, ".inf"]}}, "search.space weights/alpha: real.1"),
        ({"optim/batch_size": {"int": [2.5, 8]}}, "search.space optim/batch_size: int.0"),
        ({"weights/alpha": {"choice": []}}, "search.space weights/alpha: choice"),
        (
            {"loss/temperature": {"real": [0, 1], "log": True}},
            "log: true needs a real or int range",
        ),
        (
            {"loss/name": {"choice": ["infonce"], "log": True}},
            "log: true needs a real or int range",
        ),
        ({"weights/beta": {"tie": ""}}, "it ends where a number or a path should follow"),
        ({"weights/beta": {"tie": "2 - weights/alfa"}}, "no such setting; did you mean weights/al"),
        ({"weights/beta": {"tie": "2 - loss/name"}}, "loss/name, which is 'soft-infonce', not a"),
        ({"weights/beta": {"tie": "1 / (weights/alpha - 1)"}}, "it divides by zero"),
        ({"weights/alpha": {"real": [0, 1], "when": {"loss/nam": 1}}}, "did you mean loss/name?"),
    ],
)
def test_a_malformed_space_is_refused_with_a_sentence(space, message):
    found = refused(space)
    assert message in found
    assert "\n" not in found


@pytest.mark.parametrize(
    "path",
    [
        "data/max_pairs", "search/trials", "resources/workers", "tracking/uri", "optim/epochs",
        "optim/seed", "encoder/kind", "encoder/model", "encoder/max_length", "encoder/vocabulary",
        "weights/teacher/epochs",
    ],
)  # fmt: skip
def test_what_all_trials_share_cannot_be_searched(path):
    assert "is the same for all trials of a study" in refused({path: {"choice": [1]}})


def test_an_unread_tie_is_checked_all_the_same():
    space = {"weights/beta": {"tie": "weights/alfa", "when": {"loss/name": "infonce"}}}
    assert "did you mean weights/alpha?" in refused(space)


@pytest.mark.parametrize(
    "space",
    [
        {"weights/alpha": {"tie": "weights/beta"}, "weights/beta": {"tie": "weights/alpha"}},
        {"weights/alpha": {"tie": "weights/alpha"}},
        {
            "loss/name": {"choice": ["infonce"], "when": {"weights/estimator": "bm25"}},
            "weights/estimator": {"choice": ["bm25"], "when": {"loss/name": "infonce"}},
        },
    ],
)
def test_a_circle_is_refused_and_shown(space):
    found = refused(space)
    assert found.startswith("search.space: conditions in a circle: ")
    assert all(path in found for path in space)


@pytest.mark.parametrize(
    ("space", "sections", "message"),
    [
        (
            {"weights/alpha": {"real": [8, 9]}},
            {"optim": {"batch_size": 8}},
            "200 of 200 random draws",
        ),
        ({"weights/beta": {"real": [1e-3, 2]}}, {"optim": {"batch_size": 8}}, "needs more than"),
        (
            {"weights/beta": {"tie": "2 - weights/alpha"}, "weights/alpha": {"real": [1, 3]}},
            {},
            "weights.beta",
        ),
        ({"loss/temperature": {"real": [-1, 1]}}, {}, "loss.temperature"),
        ({"loss/name": {"choice": ["infonce", "triplet"]}}, {}, "(drawn: loss/name=triplet)"),
        ({"optim/batch_size": {"int": [2, 9]}}, {"resources": {"workers": 2}}, "does not divide"),
    ],
)
def test_draws_that_no_configuration_allows_are_refused_with_an_example(space, sections, message):
    found = refused(space, **sections)
    assert "no valid configuration, for example: " in found
    assert found.endswith("; narrow the ranges")
    assert message in found


@pytest.mark.parametrize("path", ["encoder/dimensions", "encoder/pooling", "encoder/lora/rank"])
def test_a_shape_that_the_teachers_weights_cannot_have_is_not_searched(path):
    space = {path: {"choice": ["mean", "cls"] if path.endswith("pooling") else [16, 32]}}
    encoder = {"kind": "transformer", "model": "some/model"}
    assert made(space, encoder=encoder) is not None
    said = refused(space, encoder=encoder, optim={"init_from_teacher": True})
    assert "weights of one teacher, which fit one shape" in said
    assert "\n" not in said
