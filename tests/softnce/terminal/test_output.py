"""What is shown cannot command the terminal, whatever data, names and paths hold."""

import ast
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.progress import Progress, TextColumn
from rich.table import Table

from softnce.terminal.console import PlainConsole
from softnce.terminal.output import plain, say
from tests.faults import softnce

ROOT = Path(__file__).resolve().parents[3]
HOSTILE = "\x1b]0;owned\x07\x1b[2J[/b][link=evil]:smile:\u202e\x9b31m"
DOORS = {"softnce/terminal/output.py", "softnce/terminal/console.py"}


@given(st.text(alphabet=st.characters(blacklist_characters="\t\n")))
def test_no_text_keeps_a_command(text):
    shown = plain(text)
    assert all(one.isprintable() or one == "\xad" or ord(one) > 127 for one in shown)
    assert not set(shown) & set("\x1b\x9b\x07\r\b\u202e\u2066\u2028")
    assert plain(shown) == shown
    shown.encode()


def drawn(thing):
    page = io.StringIO()
    PlainConsole(file=page, width=200).print(thing)
    return page.getvalue()


def test_a_console_shows_markup_and_escapes_as_they_are_written():
    table = Table(HOSTILE, title=HOSTILE)
    table.add_row(HOSTILE)
    for page in (drawn(HOSTILE), drawn(table)):
        assert "[/b][link=evil]:smile:" in page
        assert r"\x1b]0;owned" in page
        assert not set(page) & set("\x1b\x07\x9b\u202e")


def test_rich_itself_may_still_colour_a_terminal():
    page = io.StringIO()
    console = PlainConsole(file=page, width=200, force_terminal=True, color_system="standard")
    console.print("\x1b[31mred", style="bold", highlight=False)
    with Progress(TextColumn("{task.description}", markup=False), console=console) as bar:
        bar.add_task(HOSTILE)
    assert "\x1b[1m" in page.getvalue()
    assert r"\x1b[31m" in page.getvalue()
    assert "\x1b]0;" not in page.getvalue()


def test_a_log_keeps_its_lines_and_loses_its_commands(capsys):
    say("first\r\nsecond\tthird \x1b[31m", end="")
    assert capsys.readouterr().out == "first\nsecond\tthird \\x1b[31m"


@pytest.mark.parametrize("setting", ["data.path", "search.name", "encoder.model"])
def test_an_error_repeats_a_hostile_name_harmlessly(tmp_path, setting):
    asked = tmp_path / "asked.yaml"
    asked.write_text("data: {path: none.jsonl}\nloss: {name: infonce}\n")
    said = softnce("search", str(asked), "--set", f'{setting}="\\e[31m[/b]"', cwd=tmp_path)
    assert said.returncode == 2, said.stderr
    assert "unexpected" not in said.stderr
    assert "\x1b" not in said.stdout + said.stderr


def test_nothing_is_shown_past_the_two_doors():
    found = []
    for package in ("softnce", "tune_spaces", "cluster"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if name not in DOORS:
                calls = [one for one in ast.walk(ast.parse(path.read_text())) if is_call(one)]
                found += [f"{name}:{one.lineno}" for one in calls]
    assert found == ["cluster/doctor/node_probe.py:" + one.split(":")[1] for one in found]


def is_call(node):
    """Tell whether code writes to a terminal, or makes a console that does."""
    if not isinstance(node, ast.Call):
        return False
    return ast.unparse(node.func) in {
        *("print", "typer.echo", "typer.secho", "Console", "rich.print"),
        *("sys.stdout.write", "sys.stderr.write"),
    }


def test_neither_a_console_nor_a_plain_line_shows_a_password(capsys, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0k3n-of-mine")
    held = "http://me:s3cr3t/p@ss@host:5000 refused t0k3n-of-mine"
    table = Table(held)
    table.add_row(held)
    say(held)
    shown = [drawn(held), drawn(table), capsys.readouterr().out]
    for page in shown:
        assert "http://***@host:5000 refused ***" in page
        assert "s3cr3t" not in page
        assert "t0k3n-of-mine" not in page
