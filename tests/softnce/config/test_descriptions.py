"""The descriptions of the settings stand alone: what a generated reference shows beside a name."""

import pytest

from softnce.config.config import Config
from softnce.config.file import all_paths

LONGEST = 500  # characters


def described(path):
    *sections, name = path.split("/")
    model = Config
    for section in sections:
        model = model.model_fields[section].annotation
    return model.model_fields[name].description or ""


@pytest.mark.parametrize("path", all_paths())
def test_a_description_is_a_phrase_that_stands_alone(path):
    text = described(path)
    assert len(text.split()) >= 4, text
    assert text[0].isupper(), text
    assert text.endswith("."), text
    assert len(text) <= LONGEST, text
    assert text == " ".join(text.split())


def test_no_two_settings_are_described_alike():
    texts = [described(path) for path in all_paths()]
    assert len(set(texts)) == len(texts)
