"""Ray for the runs of this folder."""

import pytest

from tune_spaces.ray_session import session


@pytest.fixture(scope="module", autouse=True)
def ray_of_all():
    """One local cluster for a whole module, which each run joins."""
    session.quiet_environment()
    with session.connected(None):
        yield
