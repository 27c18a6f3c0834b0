"""What a trial reads: the models that must be prepared, and draws that are the same."""

import pytest

from tests.tune_spaces.space.made_spaces import made

# --- what has to be prepared

ALL = ["infonce", "soft-infonce", "bce"]


NOT_PLAIN = {"loss/name": ["soft-infonce", "bce"]}


@pytest.mark.parametrize(
    ("space", "sections", "models"),
    [
        ({}, {}, {"bm25"}),
        ({}, {"weights": {"estimator": "simcse"}}, {"simcse"}),
        ({}, {"weights": {"estimator": "simcse"}, "loss": {"name": "infonce"}}, set()),
        ({"loss/name": {"choice": ["infonce"]}}, {"weights": {"estimator": "teacher"}}, set()),
        ({"weights/estimator": {"choice": ["teacher", "self"]}}, {}, {"teacher", "self"}),
        (
            {
                "loss/name": {"choice": ALL},
                "weights/estimator": {"choice": ["simcse"], "when": NOT_PLAIN},
            },
            {},
            {"simcse"},
        ),
        (
            {
                "loss/name": {"choice": ALL},
                "weights/estimator": {"choice": ["simcse"], "when": {"loss/name": "bce"}},
            },
            {"weights": {"estimator": "teacher"}},
            {"simcse", "teacher"},
        ),
        ({}, {"weights": {"estimator": "mixture"}}, {"bm25", "teacher"}),
        (
            {"weights/mixture/simcse": {"real": [0, 1]}},
            {"weights": {"estimator": "mixture", "mixture": {"teacher": 0}}},
            {"bm25", "simcse"},
        ),
        ({}, {"optim": {"init_from_teacher": True}, "loss": {"name": "infonce"}}, {"teacher"}),
    ],
)
def test_exactly_the_models_that_a_trial_may_ask_are_prepared(space, sections, models):
    assert made(space, **sections).models() == models


DUPLICATES = {"weights/estimator": "duplicates"}


FLOORED = DUPLICATES | {"weights/duplicates/weight": "floor"}


KL = {"loss/name": "kl-infonce"}


OFFICIAL_KL = KL | {"loss/kl_coefficients": "official"}


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ({"loss/name": "top-k", "weights/alpha": 0.5}, {"loss/name": "top-k"}, True),
        ({"loss/name": "top-k", "loss/top_k": 2}, {"loss/name": "top-k"}, False),
        ({"loss/ratio": 0.3}, {}, True),
        ({"loss/name": "infonce", "weights/estimator": "self"}, {"loss/name": "infonce"}, True),
        ({"loss/name": "bce", "weights/temperature": 2}, {"loss/name": "bce"}, False),
        ({"weights/mixture/teacher": 0.3}, {}, True),
        ({"weights/alpha": 0.3}, {}, False),
        (DUPLICATES | {"weights/alpha": 0.3}, DUPLICATES, True),
        (DUPLICATES | {"weights/beta": 0.3, "weights/temperature": 2}, DUPLICATES, True),
        (DUPLICATES | {"weights/floor": 0.2, "weights/scale": "raw"}, DUPLICATES, True),
        (FLOORED | {"weights/floor": 0.2}, FLOORED, False),
        (DUPLICATES, FLOORED, False),
        (DUPLICATES | KL | {"weights/temperature": 2}, DUPLICATES | KL, False),
        (KL | {"weights/alpha": 0.3}, KL, True),
        (KL | {"loss/kl_weight": 0.3}, KL, False),
        (OFFICIAL_KL | {"weights/alpha": 0.3}, OFFICIAL_KL, False),
        (OFFICIAL_KL | {"loss/kl_weight": 0.3}, OFFICIAL_KL, True),
        ({"loss/name": "top-k", "weights/scale": "raw"}, {"loss/name": "top-k"}, True),
        ({"weights/scale": "raw"}, {}, False),
        ({"weights/renormalise": True}, {}, False),
        (KL | {"weights/renormalise": True}, KL, True),
        ({"loss/clamp_logits_min": 0.0, "loss/name": "infonce"}, {"loss/name": "infonce"}, False),
    ],
)
def test_draws_that_differ_in_what_nothing_reads_are_the_same(first, second, is_same):
    space = made({})
    assert (space.trained(first) == space.trained(second)) is is_same
