"""A real browser, for what only one can tell."""

import shutil

import pytest


@pytest.fixture(scope="session")
def chromium():
    """The command of a headless Chromium; tests that need it skip where there is none."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("needs chromium")
    return [path, "--headless", "--no-sandbox", "--disable-gpu"]
