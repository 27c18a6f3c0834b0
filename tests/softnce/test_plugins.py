"""Rows of other packages: found by their entry points, or refused with a sentence."""

import pytest

from softnce import plugins
from softnce.errors import SetupError
from softnce.losses.spec import LossSpec
from softnce.losses.table import LOSSES

ROWS = """
from softnce.formula import Formula
from softnce.losses.spec import LossSpec

MINE = LossSpec("mine", "mine", "ours", Formula("softnce.losses.infonce:info_nce"))
NONE = "no row"
"""


@pytest.fixture
def found(tmp_path, monkeypatch):
    """Install a package with one entry point, and read the table of losses."""

    def table(name, value):
        (tmp_path / "made_rows.py").write_text(ROWS)
        info = tmp_path / "made_rows-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-rows\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[softnce.losses]\n{name} = {value}\n")
        monkeypatch.syspath_prepend(tmp_path)
        plugins._entry_points.cache_clear()
        return plugins.with_plugins(dict(LOSSES), "softnce.losses", LossSpec)

    yield table
    plugins._entry_points.cache_clear()


def test_a_row_of_another_package_comes_after_our_own(found):
    table = found("mine", "made_rows:MINE")
    assert list(table) == [*LOSSES, "mine"]
    assert table["mine"].label == "mine"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("infonce", "made_rows:MINE", "the name infonce is taken in softnce.losses"),
        ("mine", "made_rows:NONE", "made_rows:NONE is no LossSpec named mine"),
        ("other", "made_rows:MINE", "made_rows:MINE is no LossSpec named other"),
        ("mine", "made_rows:MISSING", "made_rows:MISSING cannot be imported (AttributeError"),
        ("mine", "no_such_module:MINE", "no_such_module:MINE cannot be imported (ModuleNotFound"),
    ],
)
def test_a_row_that_cannot_be_taken_is_named_with_its_package(found, name, value, said):
    with pytest.raises(SetupError) as caught:
        found(name, value)
    assert str(caught.value).startswith("made-rows (entry point softnce.losses): ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
