from importlib.resources import files

import optuna
import pytest
import yaml

from softnce.config.config import Config
from softnce.config.file import validated
from softnce.errors import ConfigError
from tune_spaces.space.dimension import Dimension
from tune_spaces.space.space import both_alpha_and_beta_are_free, search_space

PRESETS = sorted((files("tune_spaces.space") / "presets").iterdir(), key=lambda path: path.name)
SOFT = {"loss/name": "soft-infonce"}


def base(space=None, **sections):
    return validated({"data": {"path": "pairs"}, **sections, "search": {"space": space or {}}})


def made(space, **sections):
    return search_space(base(space, **sections))


def draws(space, count=200, fixed=None):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    return [space.suggest(study.ask(), fixed) for _ in range(count)]


def refused(space, **sections):
    with pytest.raises(ConfigError) as caught:
        made(space, **sections)
    return str(caught.value)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.name)
def test_every_draw_of_a_shipped_space_is_a_configuration(preset):
    space = search_space(validated(yaml.safe_load(preset.read_text())))
    for values in draws(space):
        assert isinstance(space.config(values), Config)


def test_conditions_are_heeded():
    space = made(
        {
            "weights/alpha": {"real": [0.2, 1.9], "when": SOFT},
            "weights/beta": {"tie": "2 - weights/alpha", "when": SOFT},
            "weights/scale": {
                "choice": ["raw", "standardised"],
                "when": {"weights/estimator": ["bm25"]},
            },
            "weights/estimator": {"choice": ["bm25", "teacher"], "when": SOFT},
            "loss/name": {"choice": ["infonce", "soft-infonce"]},
        }
    )
    drawn = draws(space)
    for values in drawn:
        is_soft = values["loss/name"] == "soft-infonce"
        assert ("weights/alpha" in values) is is_soft
        assert ("weights/beta" in values) is is_soft
        assert ("weights/scale" in values) is (values.get("weights/estimator", "bm25") == "bm25")
        if is_soft:
            assert values["weights/beta"] == 2 - values["weights/alpha"]
    assert len({values["loss/name"] for values in drawn}) == 2


def test_a_condition_is_refused_where_the_sampler_would_never_learn_it():
    search = {"sampler": "gp", "asha": {"enabled": False}}
    space = {"weights/alpha": {"real": [0.2, 1.9], "when": SOFT}}
    config = validated({"data": {"path": "x"}, "search": {"space": space, **search}})
    with pytest.raises(
        ConfigError, match=r"weights/alpha: has a condition, and gp always draws.*tpe"
    ):
        search_space(config)


def test_a_condition_on_a_setting_outside_the_space_looks_at_the_configuration():
    space = {"weights/alpha": {"real": [0, 1], "when": {"weights/estimator": "teacher"}}}
    assert draws(made(space), 3) == [{}, {}, {}]
    assert "weights/alpha" in draws(made(space, weights={"estimator": "teacher"}), 1)[0]


def test_an_inactive_dimension_keeps_the_configurations_value():
    space = made(
        {
            "loss/name": {"choice": ["infonce"]},
            "weights/alpha": {"real": [0.2, 0.3], "when": SOFT},
        },
        weights={"alpha": 0.9},
    )
    assert space.config(draws(space, 1)[0]).weights.alpha == 0.9


def test_a_tie_may_read_a_setting_that_is_not_searched():
    space = made({"weights/beta": {"tie": "optim/batch_size / 64"}})
    assert draws(space, 1) == [{"weights/beta": 2.0}]


def test_ties_may_follow_ties():
    space = made(
        {
            "optim/weight_decay": {"tie": "weights/beta / 4"},
            "weights/beta": {"tie": "2 - weights/alpha"},
            "weights/alpha": {"real": [1, 1]},
        }
    )
    assert draws(space, 1)[0]["optim/weight_decay"] == 0.25


def test_fixed_values_are_taken_and_rule_the_conditions():
    space = made(
        {
            "loss/name": {"choice": ["infonce", "soft-infonce"]},
            "weights/alpha": {"real": [0, 1], "when": SOFT},
        }
    )
    fixed = {"loss/name": "infonce", "optim/seed": 7}
    assert draws(space, 1, fixed) == [fixed]
    assert space.config(fixed).optim.seed == 7


@pytest.mark.parametrize(
    ("raw", "inside", "outside"),
    [
        ({"choice": ["a", 1, None]}, ["a", 1, None], ["b", 2, False]),
        ({"real": [0.5, 2]}, [0.5, 1, 2.0], [0.4, 2.1, "1", True, None]),
        ({"int": [1, 8], "log": True}, [1, 8], [0, 9, None, True, 1.5]),
        ({"tie": "1"}, [], [1, "1"]),
    ],
)
def test_a_dimension_knows_what_it_can_draw(raw, inside, outside):
    dimension = Dimension.model_validate(raw)
    assert all(dimension.holds(value) for value in inside)
    assert not any(dimension.holds(value) for value in outside)


@pytest.mark.parametrize(
    ("raw", "kinds"),
    [({"int": [2, 64], "log": True}, int), ({"real": [2, 64], "log": True}, float)],
)
def test_numbers_are_drawn_from_their_range(raw, kinds):
    path = "optim/batch_size" if kinds is int else "loss/temperature"
    drawn = [values[path] for values in draws(made({path: raw}, loss={"name": "infonce"}))]
    assert all(type(value) is kinds and 2 <= value <= 64 for value in drawn)
    assert sum(value < 12 for value in drawn) > 60  # a plain range gives about 30


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"weights/alfa": {"real": [0, 1]}}, "no such setting; did you mean weights/alpha?"),
        ({"weights": {"choice": [1]}}, "search.space weights: names a section"),
        ({"weights/alpha": {}}, "exactly one of choice, real, int and tie"),
        ({"weights/alpha": {"real": [0, 1], "tie": "2"}}, "exactly one of choice, real, int and"),
        ({"weights/alpha": {"reel": [0, 1]}}, "search.space weights/alpha: reel: "),
        ({"weights/alpha": [0, 1]}, "search.space weights/alpha: input should be a valid dict"),
        ({"weights/alpha": None}, "search.space weights/alpha: "),
        ({"weights/alpha": {"real": [1, 0]}}, "the lower bound 1 is above the upper bound 0"),
        ({"weights/alpha": {"real": [0]}}, "search.space weights/alpha: real.1: Field required"),
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


@pytest.mark.parametrize(
    ("beta", "is_free"),
    [({"real": [0.5, 1]}, True), ({"tie": "2 - weights/alpha"}, False), (None, False)],
)
def test_a_free_alpha_and_a_free_beta_are_noticed(beta, is_free):
    space = {"weights/alpha": {"real": [0, 1]}} | ({"weights/beta": beta} if beta else {})
    assert both_alpha_and_beta_are_free(made(space)) is is_free


def test_both_matter_as_coefficients_of_kl():
    space = {path: {"real": [0.6, 1.9]} for path in ("weights/alpha", "weights/beta")}
    kl = {"loss": {"name": "kl-infonce", "kl_coefficients": "official"}}
    assert not both_alpha_and_beta_are_free(made(space, **kl))


def test_free_dimensions_are_active_and_neither_tied_nor_given():
    space = made(
        {
            "loss/name": {"choice": ["infonce", "soft-infonce"]},
            "loss/temperature": {"real": [0.1, 1]},
            "weights/alpha": {"real": [0, 1], "when": SOFT},
            "weights/beta": {"tie": "2 - weights/alpha", "when": SOFT},
        }
    )
    assert space.free_dimensions({"loss/name": "infonce"}) == {"loss/temperature"}
    assert space.free_dimensions(SOFT) == {"loss/temperature", "weights/alpha"}
    assert space.active({"loss/name": "infonce"}) == {"loss/name", "loss/temperature"}


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


@pytest.mark.parametrize("path", ["weights/simcse/epochs", "optim/init_from_teacher"])
def test_how_a_frozen_model_is_made_cannot_be_searched(path):
    assert "is the same for all trials of a study" in refused({path: {"choice": [1]}})


def test_shares_of_a_mixture_can_be_searched():
    space = {"weights/mixture/bm25": {"real": [0, 1]}, "weights/mixture/teacher": {"choice": [1]}}
    found = draws(made(space, weights={"estimator": "mixture"}), 5)
    assert all(0 <= one["weights/mixture/bm25"] <= 1 for one in found)


@pytest.mark.parametrize("path", ["encoder/dimensions", "encoder/pooling"])
def test_a_shape_that_the_teachers_weights_cannot_have_is_not_searched(path):
    space = {path: {"choice": [16, 32] if path.endswith("dimensions") else ["mean", "cls"]}}
    assert made(space) is not None
    said = refused(space, optim={"init_from_teacher": True})
    assert "weights of one teacher, which fit one shape" in said
    assert "\n" not in said
