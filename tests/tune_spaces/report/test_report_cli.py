"""``softnce report``: each of its forms, and the page that it opens."""

import json

import pytest
from typer import Typer
from typer.testing import CliRunner

from softnce.errors import ConfigError
from tests.told_studies import confirm_told, told_study
from tune_spaces.commands.report import report

APP = Typer()
APP.command()(report)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    told = told_study(tmp_path_factory.mktemp("cli") / "told", 14)
    confirm_told(told)
    return told.folder.root


def said(*words):
    found = CliRunner().invoke(APP, list(map(str, words)), catch_exceptions=False)
    assert found.exit_code == 0
    return found.stdout


def sentence(study):
    return json.loads((study / "verdict.json").read_text())["sentence"]


def test_quiet_prints_the_verdict_alone(study):
    assert said(study, "-q") == f"{sentence(study)}\n"
    assert not (study / "report.html").exists()


def test_json_is_one_object_and_the_verdict_stands_in_it(study):
    assert json.loads(said(study, "--json"))["sentence"] == sentence(study)


def test_a_form_that_also_sends_says_so_beside_it(study):
    found = CliRunner().invoke(APP, [str(study), "--push", "-q"], catch_exceptions=False)
    assert found.exit_code == 0
    assert found.stdout == f"{sentence(study)}\n"
    assert found.stderr == "MLflow has everything\n"


def test_two_forms_at_once_are_refused(study):
    with pytest.raises(ConfigError, match="each is a form of its own"):
        said(study, "--json", "-q")


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """What a browser was told to open: one that only writes it down."""
    told, browser = tmp_path / "opened.txt", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {told}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    monkeypatch.setattr("webbrowser._tryorder", None)  # it was found out before
    return told


@pytest.mark.parametrize("form", [[], ["-q"]])
def test_the_page_is_made_and_opened_in_the_browser_of_the_environment(study, opened, form):
    said(study, "--open", *form)
    assert opened.read_text() == f"{(study / 'report.html').resolve().as_uri()}\n"


def test_where_there_is_no_browser_the_page_is_named(study, monkeypatch):
    monkeypatch.setattr("webbrowser._tryorder", [])
    found = CliRunner().invoke(APP, [str(study), "--open"], catch_exceptions=False)
    assert found.exit_code == 0
    assert f"open {study / 'report.html'} by hand" in " ".join(found.stderr.split())
