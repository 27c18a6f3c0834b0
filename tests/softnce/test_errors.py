"""An error is what was found and how to cure it, as two fields that survive any journey."""

import pickle

import pytest
from pydantic import BaseModel, ValidationError, model_validator
from ray import cloudpickle
from ray.exceptions import RayTaskError

from softnce.config.file import validated
from softnce.distributed.worker import failure
from softnce.encoders.transformer import transformer_encoder
from softnce.errors import (
    ConfigError,
    DataError,
    InvalidSettingError,
    RunError,
    SetupError,
    SoftnceError,
)

KINDS = (SoftnceError, ConfigError, DataError, SetupError, RunError, InvalidSettingError)


@pytest.mark.parametrize("kind", KINDS)
def test_the_message_is_what_was_found_and_then_the_cure(kind):
    error = kind("port 5000 is taken", "choose another with --port")
    assert str(error) == "port 5000 is taken; choose another with --port"
    assert (error.found, error.cure) == ("port 5000 is taken", "choose another with --port")
    assert str(kind("no cure is known")) == "no cure is known"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps])
def test_an_error_survives_pickling_with_all_its_fields(kind, dumps):
    error = pickle.loads(dumps(kind("m: no such folder; none", "check the path", "encoder.model")))
    assert type(error) is kind
    assert (error.found, error.cure) == ("m: no such folder; none", "check the path")
    assert error.setting == "encoder.model"


def test_an_error_raised_in_a_ray_task_keeps_its_fields():
    cause = SetupError("the disk is full", "free space")
    sent = RayTaskError("task", "traceback", cause, pid=1, ip="127.0.0.1").as_instanceof_cause()
    assert isinstance(sent, SetupError)
    assert (sent.found, sent.cure) == ("the disk is full", "free space")


def test_the_setting_comes_first_and_can_be_another():
    error = SetupError("m: there is no such folder", "check the path", "encoder.model")
    assert str(error) == "encoder.model m: there is no such folder; check the path"
    other = error.at("weights.simcse.model")
    assert str(other) == "weights.simcse.model m: there is no such folder; check the path"
    assert type(other) is SetupError


def test_an_error_is_reported_with_what_it_happened_in():
    error = SetupError("m: no such folder", "check the path", "encoder.model").within("train-t0001")
    assert str(error) == "train-t0001: encoder.model m: no such folder; check the path"
    assert error.cure == "check the path"


def test_a_model_that_is_not_there_names_its_setting_as_a_field(tmp_path):
    with pytest.raises(SetupError) as caught:
        transformer_encoder(str(tmp_path / "none"))
    assert caught.value.setting == "encoder.model"
    assert caught.value.found == f"{tmp_path / 'none'}: there is no such folder"


def test_pydantic_keeps_both_fields_of_a_validators_error():
    class Port(BaseModel):
        @model_validator(mode="after")
        def _never(self):
            raise InvalidSettingError("port 1: reserved", "give another")

    with pytest.raises(ValidationError) as caught:
        Port()
    (detail,) = caught.value.errors()
    assert detail["ctx"]["error"].cure == "give another"


@pytest.mark.parametrize(
    ("nested", "found", "cure"),
    [
        (
            {"data": {"path": "a"}, "optim": {"batch_size": 3}, "resources": {"workers": 2}},
            "optim.batch_size 3 does not divide among 2 workers",
            "give a multiple of resources.workers",
        ),
        (
            {"data": {"path": "a"}, "optim": {"tokens_a_pass": 512}},
            "optim.tokens_a_pass: unknown key",
            "did you mean optim.max_tokens_per_pass?",
        ),
        (
            {"data": {"path": "a"}, "optim": {"epochs": True}},
            "optim: epochs: true is not a valid value",
            "give a number",
        ),
        ({"data": {}}, "data: neither of them is given", "give either data.path (pairs) or data.m"),
    ],
)
def test_a_wrong_configuration_has_its_cure_apart(nested, found, cure):
    with pytest.raises(ConfigError) as caught:
        validated(nested)
    assert caught.value.found == found
    assert caught.value.cure.startswith(cure)


def test_several_faults_are_one_line_each():
    nested = {"data": {"path": "a"}, "optim": {"epoch": 1, "batch_size": 1}}
    with pytest.raises(ConfigError) as caught:
        validated(nested)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert any(line.endswith("did you mean optim.epochs?") for line in lines)


def test_a_workers_failure_is_sent_to_its_owner_with_both_fields():
    error = SetupError("m: no such folder", "check the path", "encoder.model")
    sent = failure(error)
    assert sent["failure"] == str(error)
    assert (sent["found"], sent["cure"]) == ("encoder.model m: no such folder", "check the path")
    assert (sent["halts"], sent["exit_code"]) == (True, 3)
