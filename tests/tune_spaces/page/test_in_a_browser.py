"""What a person sees of a finished study: MLflow's own pages, in a real browser."""

import re
import subprocess

import pytest
from rich.console import Console

from softnce.config.file import validated
from tests.browser import Browser, found_browser, waited_for
from tests.faults import SOFTNCE
from tests.servers import free_port, stop
from tune_spaces.search.search import search

TRIALS = 3
_ROWS = """[...document.querySelectorAll("[role=row][row-id]")]
    .map(row => [row.getAttribute("row-id"), row.innerText])"""
_DRAWN = """(() => {  // whole panels, each with a line, a box or points in it
    const panels = [...document.querySelectorAll(".panel")];
    const shapes = ".scatterlayer path, .boxlayer path, .barlayer path";
    const drawn = panels.filter(panel => panel.querySelectorAll(shapes).length > 0);
    return panels.length && drawn.length == panels.length ? drawn.length : 0;
})()"""
_PICTURE = """[...document.querySelectorAll("img")]
    .filter(image => image.src.startsWith("blob:") || image.src.includes("learning-curves"))
    .map(image => image.naturalWidth)[0]"""
_ICONS = """[...document.querySelectorAll("[row-id] [col-id=runDateAndNestInfo] svg")]
    .map(icon => getComputedStyle(icon).color)"""
_TABLE = """[...document.querySelectorAll("table th")].map(head => head.innerText.trim())
    .slice(0, 4)"""
_PAGE = """[...document.querySelectorAll("a")]
    .find(link => link.innerText == "The study's page")?.href"""


@pytest.fixture
def study(made_pairs, tmp_path):
    """A finished search of three trials."""
    config = {
        "data": {"path": str(made_pairs)},
        "encoder": {"kind": "static", "vocabulary": 600, "dimensions": 32},
        "loss": {"name": "infonce"},
        "optim": {"epochs": 2, "batch_size": 32},
        "search": {
            "space": {"optim/learning_rate": {"real": [0.003, 0.03], "log": True}},
            "always_try": "infonce",
            "trials": TRIALS,
            "confirm": "never",
        },
        "resources": {"max_concurrent": 1},
    }
    out = tmp_path / "shown"
    return search(validated(config), source="shown", out=out, console=Console(quiet=True))


@pytest.fixture
def address(study, tmp_path):
    """The address that ``softnce ui`` tells of the study, while its server runs."""
    said = tmp_path / "said.txt"
    command = [*SOFTNCE, "ui", str(study.folder.root), "--port", str(free_port())]
    with said.open("w") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )

    def told():
        assert process.poll() is None, said.read_text()
        return re.search(r"The study: (\S+)\s", said.read_text())

    try:
        yield waited_for(told, "the server", said.read_text)[1]
    finally:
        stop(process)


def rows_of_runs(browser):
    """The text of each run's row, whose columns MLflow keeps in several tables side by side."""
    rows = {}
    for run, text in browser.value(_ROWS) or []:
        rows[run] = f"{rows.get(run, '')} {text}"
    return list(rows.values())


def whole(rows):
    """Rows once the cells of each trial are drawn, which come after its name."""
    return rows if sum("COMPLETE" in one for one in rows) >= TRIALS else None


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.skipif(found_browser() is None, reason="needs chromium (apt-get install chromium)")
def test_a_finished_study_is_shown_whole_in_a_browser(study, address, tmp_path):
    with Browser(tmp_path / "chromium") as browser:
        browser.open(address)
        verdict = study.verdict.split(" The champion")[0]
        browser.text_with(verdict, f"{TRIALS + 1} matching runs", *(one.key for one in study.table))
        rows = waited_for(
            lambda: whole(rows_of_runs(browser)), "the rows of all runs", browser.text
        )
        assert len(rows) == TRIALS + 1
        for trial in study.table:
            (row,) = [one for one in rows if f"{trial.key}-infonce" in one]
            assert "COMPLETE" in row
            assert str(trial.value)[:8] in row
        icons = waited_for(lambda: browser.value(_ICONS), "the icons of states")
        assert len(icons) == TRIALS + 1
        assert len(set(icons)) == 1, "a study whose trials all ended well has icons of one colour"
        browser.shoot(tmp_path / "runs.png")  # to be looked at
        page = waited_for(lambda: browser.value(_PAGE), "the study's page", browser.text)
        browser.open(page)
        text = browser.text_with(verdict, "Leaderboard", "Reproduce", "Finished")
        browser.shoot(tmp_path / "page.png")
        assert "champion" in text
        assert browser.value(_TABLE) == ["trial", "loss", "estimator", "state"]
        artifacts = f"{page.partition('?')[0]}/artifacts"
        browser.open(artifacts)
        browser.text_with("report.html", "config.yaml", "figures")
        browser.open(f"{artifacts}/report.html")
        drawn = waited_for(lambda: browser.framed(_DRAWN), "the figures of the report")
        browser.shoot(tmp_path / "report.png")
        assert drawn == (study.folder.root / "report.html").read_text().count('class="panel"')
        browser.open(f"{artifacts}/figures/learning-curves.png")
        width = waited_for(lambda: browser.value(_PICTURE), "the picture", browser.text)
        assert width > 600
        browser.shoot(tmp_path / "picture.png")
