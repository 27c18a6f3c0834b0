"""Rows of other packages: found by their entry points, or refused with a sentence."""

import math
import tomllib

import pytest
import torch

from softnce import plugins
from softnce.errors import SetupError
from softnce.losses.spec import LossSpec
from softnce.losses.table import LOSSES
from tests.docs.pages import ROOT, blocks

ROWS = """
from softnce.formula import Formula
from softnce.losses.spec import LossSpec

MINE = LossSpec("mine", "mine", "ours", Formula("softnce.losses.infonce:info_nce"))
NONE = "no row"
"""


@pytest.fixture
def found(tmp_path, monkeypatch):
    """Install a package with one entry point, and read the table of losses."""

    def table(name, value, module="made_rows", text=ROWS):
        (tmp_path / f"{module}.py").write_text(text)
        info = tmp_path / "made_rows-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-rows\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[softnce.losses]\n{name} = {value}\n")
        monkeypatch.syspath_prepend(tmp_path)
        plugins._entry_points.cache_clear()
        return plugins.with_plugins(dict(LOSSES), "softnce.losses", LossSpec)

    yield table
    plugins._entry_points.cache_clear()


def test_the_loss_of_the_page_on_contributing_is_one(found):
    page = ROOT / "docs" / "contributing.md"
    (module,) = blocks(page, "python")
    (project,) = blocks(page, "toml")
    points = tomllib.loads(project.text)["project"]["entry-points"]["softnce.losses"]
    ((name, value),) = points.items()
    row = found(name, value, "my_losses", module.text)[name]
    logits = torch.tensor([[2.0, 1.0], [0.0, 3.0]])
    settings = {"loss/width": row.settings[0].default}
    answers = torch.tensor([0, 1])
    loss = row.formula.called(logits, torch.zeros(2, 2), answers, settings=settings.__getitem__)
    inside = [0.25, -0.75, -2.75, 0.25]  # logit - own + 0.5 * (1 - 0.5)
    assert loss.item() == pytest.approx(sum(math.log1p(math.exp(one)) for one in inside) / 4)


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
