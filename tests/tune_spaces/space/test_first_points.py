from importlib.resources import files

import pytest
import yaml

from softnce.config.file import validated
from softnce.errors import ConfigError
from tune_spaces.space.first_points import first_points
from tune_spaces.space.recipes import RECIPES, recipe
from tune_spaces.space.space import search_space

BOTH = {"loss/name": {"choice": ["infonce", "soft-infonce"]}}
SOFT = {"loss/name": "soft-infonce"}


def points(space, always_try="paper", **sections):
    config = validated({"data": {"path": "pairs"}, **sections, "search": {"space": space}})
    made = search_space(config)
    return made, first_points(made, always_try, 4321)


def configs(space, **sections):
    made, found = points(space, **sections)
    return [made.config({**point.drawn, **point.fixed}) for point in found]


def test_infonce_comes_twice_with_two_seeds_then_the_paper():
    space = BOTH | {"weights/estimator": {"choice": ["bm25", "teacher"], "when": SOFT}}
    found = configs(space)
    assert [one.loss.name for one in found] == ["infonce"] * 2 + ["soft-infonce"] * 2
    assert [one.optim.seed for one in found] == [1234, 4321, 1234, 1234]
    bm25, teacher = (one.weights for one in found[2:])
    assert (bm25.estimator, bm25.alpha, bm25.beta, bm25.temperature) == ("bm25", 1.5, 0.5, 1)
    assert (teacher.estimator, teacher.alpha, teacher.beta, teacher.temperature) == (
        "teacher", 1.3, 0.7, 5,
    )  # fmt: skip
    assert (bm25.scale, teacher.scale, teacher.teacher.score) == ("raw", "raw", "dot")
    assert (bm25.bm25.variant, bm25.bm25.terms) == ("official", "subwords")


def test_the_papers_bm25_is_tried_whatever_engine_the_configuration_names():
    found = configs(BOTH, weights={"bm25": {"engine": "rank_bm25"}})
    assert (found[2].weights.bm25.variant, found[2].weights.bm25.chosen_engine) == (
        "official", "fast",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("space", "sections", "estimators"),
    [
        (BOTH, {}, ["bm25"]),
        (BOTH, {"weights": {"estimator": "teacher"}}, ["teacher"]),
        (BOTH | {"weights/estimator": {"choice": ["teacher"]}}, {}, ["teacher"]),
        ({}, {}, ["bm25"]),
        ({}, {"loss": {"name": "infonce"}}, []),
        ({"loss/name": {"choice": ["infonce"]}}, {}, []),
    ],
)
def test_only_the_estimators_of_the_space_are_tried(space, sections, estimators):
    found = configs(space, **sections)[2:]
    assert [one.weights.estimator for one in found] == estimators


GP = {"sampler": "gp", "asha": {"enabled": False}}


@pytest.mark.parametrize(
    ("space", "always_try", "said"),
    [
        (
            {"weights/temperature": {"real": [0.05, 5]}},
            "paper",
            "weights/temperature: the first point paper has a value outside of it.*"
            "set search.always_try to infonce, or search.sampler to tpe",
        ),
        (
            {"loss/temperature": {"real": [0.5, 5]}},
            "infonce",
            "loss/temperature: the first point infonce.*set the range to hold it",
        ),
    ],
)
def test_a_point_that_would_blind_a_gaussian_process_is_refused(space, always_try, said):
    settings = {"data": {"path": "x"}, "search": {"space": space, **GP}}
    made = search_space(validated(settings))
    with pytest.raises(ConfigError, match=said):
        first_points(made, always_try, 4321)


def test_infonce_alone_can_be_requested():
    _, found = points(BOTH, "infonce")
    assert [point.role for point in found] == ["infonce", "noise"]


def test_what_is_searched_besides_the_loss_keeps_the_configurations_value():
    space = BOTH | {
        "loss/temperature": {"real": [0.02, 0.2]},
        "optim/weight_decay": {"real": [0, 1]},
    }
    _, found = points(space, optim={"weight_decay": 0.25})
    for point in found:
        assert point.drawn["loss/temperature"] == 0.05
        assert point.drawn["optim/weight_decay"] == 0.25


def test_a_configurations_value_outside_the_range_is_fixed_not_drawn():
    space = BOTH | {"loss/temperature": {"real": [0.1, 0.2]}}
    _, found = points(space)
    for point in found:
        assert "loss/temperature" not in point.drawn
        assert point.fixed["loss/temperature"] == 0.05


def test_the_papers_values_outside_a_range_are_fixed_not_drawn():
    space = BOTH | {
        "weights/alpha": {"real": [0.2, 1.0], "when": SOFT},
        "weights/beta": {"tie": "2 - weights/alpha", "when": SOFT},
    }
    made, found = points(space)
    paper = found[2]
    assert "weights/alpha" not in paper.drawn
    assert paper.fixed["weights/alpha"] == 1.5
    assert made.config({**paper.drawn, **paper.fixed}).weights.beta == 0.5


def test_a_temperature_of_another_scale_teaches_the_sampler_nothing():
    space = BOTH | {"weights/temperature": {"real": [0.05, 5], "when": SOFT}}
    _, found = points(space)
    assert "weights/temperature" not in found[2].drawn
    assert found[2].fixed["weights/temperature"] == 1.0


def test_simcse_has_its_row_of_table_7():
    found = configs(BOTH | {"weights/estimator": {"choice": ["simcse"], "when": SOFT}})
    weights = found[2].weights
    assert (weights.estimator, weights.alpha, weights.beta) == ("simcse", 1.3, 0.7)
    assert (weights.temperature, weights.scale) == (0.1, "raw")


@pytest.mark.parametrize("estimator", ["self", "mixture", "duplicates"])
def test_what_the_paper_does_not_know_has_no_settings_of_it(estimator):
    assert len(configs(BOTH, weights={"estimator": estimator})) == 2


WIDE = yaml.safe_load((files("tune_spaces.space") / "presets" / "wide.yaml").read_text())


def test_the_wide_space_tries_each_shipped_recipe_once():
    base = validated(WIDE)
    made = search_space(base)
    found = first_points(made, base.search.always_try, 4321)
    assert [one.role for one in found] == [
        "infonce",
        "noise",
        *(f"recipe {one}" for one in RECIPES),
    ]
    tried = {one.role: made.config({**one.drawn, **one.fixed}) for one in found}
    assert tried["recipe qwen3"].loss.directions == "qc+qq+cc"
    assert tried["recipe qwen3"].loss.margin == 0.1
    assert tried["recipe nv-retriever"].loss.mask == "relative"
    assert tried["recipe cornstack"].loss.trust_least == 0.7
    assert tried["recipe embeddinggemma"].loss.tilt == 5
    assert tried["recipe soft-infonce"].weights.bm25.variant == "official"
    assert len({one.loss.temperature for one in tried.values()}) == 1


@pytest.mark.parametrize("name", RECIPES)
def test_each_recipe_is_a_preset_that_is_compared_with_infonce(name):
    preset = files("tune_spaces.space") / "presets" / f"{name}.yaml"
    base = validated(yaml.safe_load(preset.read_text()))
    made = search_space(base)
    assert made.possible("loss/name") == {"infonce", recipe(name)["loss/name"]}
    assert [one.role for one in first_points(made, base.search.always_try, 1)] == [
        "infonce",
        "noise",
    ]


def test_points_of_ones_own_take_the_place_of_the_others_and_tell_which_models_are_needed():
    own = [{"loss/name": "infonce", "optim/seed": 5}, SOFT | {"weights/estimator": "teacher"}]
    base = validated({"data": {"path": "pairs"}, "search": {"points": own}})
    space = search_space(base)
    found = first_points(space, "paper", 4321)
    made = [space.config({**point.drawn, **point.fixed}) for point in found]
    assert [one.loss.name for one in made] == ["infonce", "soft-infonce"]
    assert [one.optim.seed for one in made] == [5, 1234]
    assert {point.role for point in found} == {"own"}
    assert space.models() == {"teacher"}
    assert space.possible("loss/name") == {"infonce", "soft-infonce"}


def test_the_sampler_learns_from_those_of_ones_own_points_that_lie_in_the_space():
    temperature = {"loss/temperature": {"real": [0.02, 0.2], "log": True}}
    own = [{"loss/temperature": 0.1}, {"loss/temperature": 0.5}]
    search = {"space": BOTH | temperature, "points": own}
    space = search_space(validated({"data": {"path": "pairs"}, "search": search}))
    inside, outside = first_points(space, "paper", 4321)
    assert inside.drawn["loss/temperature"] == 0.1
    assert outside.fixed["loss/temperature"] == 0.5


@pytest.mark.parametrize(
    ("point", "said"),
    [
        ({"loss/nam": "infonce"}, "loss/nam: no such setting"),
        ({"encoder/max_length": 12}, "encoder/max_length: is the same for all trials"),
        ({"loss": {}}, "loss: names a section"),
        ({"optim/batch_size": 1}, "search.points 2: optim.batch_size"),
    ],
)
def test_a_wrong_point_is_refused_by_its_number(point, said):
    search = {"points": [{"loss/name": "infonce"}, point]}
    with pytest.raises(ConfigError, match=said):
        search_space(validated({"data": {"path": "pairs"}, "search": search}))
