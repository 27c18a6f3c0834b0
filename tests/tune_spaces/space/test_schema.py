"""The schema for editors: it takes what a search takes, and marks what a search refuses."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

import tune_spaces.space.schema
from softnce.__main__ import app
from tune_spaces.space.schema import configuration_schema

PRESETS = Path(tune_spaces.space.schema.__file__).parent / "presets"
VALIDATOR = Draft202012Validator(configuration_schema())
PAIRS = {"data": {"path": "pairs"}}


def test_it_is_a_schema_and_the_command_prints_it(capsys):
    Draft202012Validator.check_schema(configuration_schema())
    app(args=["schema"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out) == configuration_schema()


@pytest.mark.parametrize("preset", sorted(PRESETS.glob("*.yaml")), ids=lambda path: path.stem)
def test_it_takes_every_preset(preset):
    VALIDATOR.validate(yaml.safe_load(preset.read_text(encoding="utf-8")))


def test_it_takes_a_section_with_nothing_under_it():
    VALIDATOR.validate({**PAIRS, "optim": None})


@pytest.mark.parametrize(
    "wrong",
    [
        {"optim": {"epoch": 3}},
        {"optim": {"batch_size": 1}},
        {"loss": {"name": "infonse"}},
        {"search": {"space": {"loss/temperature": {"reel": [0.1, 1]}}}},
        {"search": {"space": {"loss/temperature": {"real": [0.1]}}}},
    ],
    ids=["unknown key", "out of bounds", "no such loss", "no such dimension", "half a range"],
)
def test_it_marks_what_a_search_refuses(wrong):
    assert not VALIDATOR.is_valid({**PAIRS, **wrong})
