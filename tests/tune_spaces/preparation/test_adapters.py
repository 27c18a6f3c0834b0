"""Adapters that only trials have are tried before the first trial."""

import pytest
from safetensors.torch import load_file, save_file

from softnce.config.file import validated
from softnce.errors import ConfigError, SetupError
from tests.softnce.encoders.small_models import small_roberta
from tune_spaces.preparation.adapters import require_adapters
from tune_spaces.space.space import search_space


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_roberta(tmp_path_factory.mktemp("model"))


def space_of(folder, space, lora=None, pooling="mean", points=()):
    encoder = {"kind": "transformer", "model": str(folder), "lora": lora or {}, "pooling": pooling}
    search = {"space": space, "points": list(points), "trials": max(1, len(points))}
    return search_space(validated({"data": {"path": "x"}, "encoder": encoder, "search": search}))


@pytest.mark.parametrize(
    ("space", "lora", "points"),
    [
        (
            {
                "encoder/lora/rank": {"choice": [8, 4]},
                "encoder/lora/targets": {"choice": ["all", "qeury"]},
            },
            {},
            (),
        ),
        (
            {
                "encoder/lora/rank": {"int": [2, 4]},
                "encoder/lora/targets": {"choice": ["qeury"]},
            },
            {},
            (),
        ),
        ({"encoder/lora/targets": {"choice": ["all", "qeury"]}}, {"rank": 4}, ()),
        ({}, {}, ({"encoder/lora/rank": 4, "encoder/lora/targets": "qeury"},)),
    ],
)
def test_modules_that_no_layer_has_are_refused_before_the_first_trial(folder, space, lora, points):
    with pytest.raises(ConfigError, match="have no linear module qeury") as caught:
        require_adapters(space_of(folder, space, lora, points=points))
    assert "\n" not in str(caught.value)


def test_a_pooler_that_would_stay_at_random_numbers_is_refused_before_the_first_trial(tmp_path):
    weights = load_file(small_roberta(tmp_path) / "model.safetensors")
    rest = {name: one for name, one in weights.items() if "pooler" not in name}
    save_file(rest, tmp_path / "model.safetensors", metadata={"format": "pt"})
    space = {"encoder/lora/rank": {"choice": [8, 4]}}
    with pytest.raises(SetupError, match="no weights of its pooler"):
        require_adapters(space_of(tmp_path, space, pooling="pooler"))


def test_those_that_fit_are_let_through(folder):
    choices = {"encoder/lora/rank": {"choice": [8]}, "encoder/lora/targets": {"choice": ["query"]}}
    require_adapters(space_of(folder, choices))
    require_adapters(space_of("nowhere", {"optim/learning_rate": {"choice": [1e-3]}}, {"rank": 8}))
