"""Draws of a space: conditions, expressions, fixed values, ranges."""

from importlib.resources import files

import optuna
import pytest
import yaml

from softnce.config.config import Config
from softnce.config.file import validated
from softnce.errors import ConfigError
from tests.tune_spaces.space.made_spaces import made, refused
from tune_spaces.space.dimension import Dimension
from tune_spaces.space.space import both_alpha_and_beta_are_free, search_space

PRESETS = sorted((files("tune_spaces.space") / "presets").iterdir(), key=lambda path: path.name)


SOFT = {"loss/name": "soft-infonce"}


def draws(space, count=200, fixed=None):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    return [space.suggest(study.ask(), fixed) for _ in range(count)]


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
        assert ("weights/scale" in values) is (values.get("weights/estimator") == "bm25")
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


@pytest.mark.parametrize("path", ["weights/simcse/epochs", "optim/init_from_teacher"])
def test_how_a_frozen_model_is_made_cannot_be_searched(path):
    assert "is the same for all trials of a study" in refused({path: {"choice": [1]}})


def test_shares_of_a_mixture_can_be_searched():
    space = {"weights/mixture/bm25": {"real": [0, 1]}, "weights/mixture/teacher": {"choice": [1]}}
    found = draws(made(space, weights={"estimator": "mixture"}), 5)
    assert all(0 <= one["weights/mixture/bm25"] <= 1 for one in found)
