"""The table of estimators: every row can be built, and says what it reads."""

import re
from typing import get_type_hints

import pytest

from softnce.config.config import Config
from softnce.config.file import all_paths, value_at
from softnce.config.sections.estimators import MixtureSection
from softnce.config.sections.method import WeightsSection
from softnce.diagnostics.requested import WORDS
from softnce.formula import resolved
from softnce.inputs.frozen_models import FROZEN_MODELS, FrozenModel
from softnce.weights.table import ESTIMATORS, MIXTURE_SHARES, OWN
from tune_spaces.commands.weights import weights

BASE = Config.model_validate({"data": {"path": "pairs"}})


@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_a_row_names_exists(name):
    spec = ESTIMATORS[name]
    assert spec.name == name
    assert spec.label
    assert spec.summary
    assert bool(spec.build) is (name != OWN)
    addresses = [
        spec.build,
        spec.from_texts,
        spec.from_columns,
        *(one.function for one in _weights(spec)),
    ]
    assert all(callable(resolved(address)) for address in addresses if address)
    assert not spec.training or isinstance(resolved(spec.training), FrozenModel)
    assert bool(spec.words) is bool(spec.from_texts)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_each_setting_that_a_row_reads_exists(name):
    spec = ESTIMATORS[name]
    assert not spec.section or spec.section in WeightsSection.model_fields
    if spec.pretrained:
        value_at(BASE, spec.pretrained)
    for path in spec.trained_by:
        assert any(one == path or one.startswith(path) for one in all_paths())
    for formula in _weights(spec):
        for path in formula.own_settings | {one.setting for one in formula.variants}:
            value_at(BASE, path)


def test_every_section_of_the_weights_belongs_to_one_row():
    sections = [spec.section for spec in ESTIMATORS.values() if spec.section]
    nested = {path.split("/")[1] for path in all_paths() if path.startswith("weights/")}
    simple = {name for name in nested if f"weights/{name}" in all_paths()}
    assert sorted(sections) == sorted(nested - simple)


def test_a_mixture_has_a_share_for_every_estimator_but_itself():
    assert set(MIXTURE_SHARES) == {name for name, one in ESTIMATORS.items() if not one.combines}
    assert MixtureSection().model_dump() == MIXTURE_SHARES


def test_the_frozen_models_are_those_that_a_row_trains():
    assert list(FROZEN_MODELS) == ["teacher", "simcse"]


def test_the_verb_names_every_estimator_that_it_can_show():
    option = get_type_hints(weights, include_extras=True)["estimator"].__metadata__[0]
    for word in WORDS:
        assert re.search(rf"(^|[ ,]){word}\b(?!-)", option.help), word


def _weights(spec):
    return [] if spec.weights is None else list(spec.weights.every())
