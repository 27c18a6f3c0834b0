"""The store of a test."""

import pytest

from tune_spaces.tracking.store import Store, own_uri


@pytest.fixture
def store(tmp_path):
    return Store(own_uri(tmp_path), "softnce/made", tmp_path)
