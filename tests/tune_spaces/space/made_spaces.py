"""Spaces made from a mapping, and draws from them."""

import pytest

from softnce.config.file import validated
from softnce.errors import ConfigError
from tune_spaces.space.space import search_space


def base(space=None, **sections):
    return validated({"data": {"path": "pairs"}, **sections, "search": {"space": space or {}}})


def made(space, **sections):
    return search_space(base(space, **sections))


def refused(space, **sections):
    with pytest.raises(ConfigError) as caught:
        made(space, **sections)
    return str(caught.value)
