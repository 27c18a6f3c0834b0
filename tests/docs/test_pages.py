"""The pages: linked, in the site, as the code says, and only with commands that exist."""

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
import yaml

from softnce.__main__ import app
from softnce.config.config import Config
from softnce.config.file import validated
from tests.docs.pages import PAGES, ROOT, anchors, blocks, prose
from tune_spaces.space.space import search_space

BLOCKS = [one for page in PAGES for one in blocks(page)]
MARKS = {"needs", "executed by", "with"}
NEEDS = {"cluster", "gpu", "hub", "time", "a person"}


def test_the_generated_parts_are_as_the_code_says():
    words = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_link_leads_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    dead = []
    for link in links:
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not name.startswith("http") and not (
            target.exists() and (not anchor or anchor in anchors(target))
        ):
            dead.append(link)
    assert not dead


def test_each_page_is_in_the_sites_menu_and_in_the_readme():
    text = (ROOT / ".mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"([a-z-]+\.md)", text))
    pages = {page.name for page in PAGES[1:]}
    assert named == pages
    linked = set(re.findall(r"docs/([a-z-]+\.md)", PAGES[0].read_text(encoding="utf-8")))
    assert linked == pages - {"index.md"}


def test_the_readme_is_a_page():
    assert len(PAGES[0].read_text(encoding="utf-8").splitlines()) <= 130


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_mark_is_one_that_is_known(block):
    assert block.mark in MARKS | {""}
    if block.mark == "needs":
        assert block.marked in NEEDS
    if block.mark == "executed by":
        assert (ROOT / block.marked).is_file()
        if block.marked.endswith(".md"):
            others = blocks(ROOT / block.marked, block.language)
            assert block.text in [one.text for one in others if one.mark in ("", "with")]


SHELL = [one for one in BLOCKS if one.language == "sh"]


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_each_command_exists_with_its_options(block):
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while "softnce" in words:
            words = words[words.index("softnce") + 1 :]
            _require_known(words)


def _require_known(words):
    command = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert words[0] in command.commands, words
        command, words = command.commands[words[0]], words[1:]
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    used = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    assert not set(used) - known - {"--help"}


CONFIGURATIONS = [
    one for one in BLOCKS if one.language == "yaml" and re.match(r"# [\w-]+\.yaml", one.text)
]


@pytest.mark.parametrize("block", CONFIGURATIONS, ids=str)
def test_a_configuration_is_one_that_can_be_searched(block):
    raw = yaml.safe_load(block.text)
    raw.setdefault("data", {"path": "pairs"})
    search_space(validated(raw))


def test_each_room_of_the_contracts_is_in_the_table_of_the_architecture():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    told = {Path(name).name for row in rows for name in re.findall(r"`([\w./]+)`", row)}
    for contract in contracts["tool"]["importlinter"]["contracts"]:
        for package in {"softnce", "tune_spaces", "cluster"} & {*contract.get("containers", ())}:
            names = re.findall(r"\w+", " ".join(contract["layers"]))
            rooms = {name for name in names if (ROOT / package / name).is_dir()}
            assert not rooms - told


def test_the_page_of_the_configuration_has_every_section():
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert all(f"## `{name}`\n" in text for name in Config.model_fields)


def test_each_error_of_the_page_on_trouble_is_one_that_the_code_says():
    said = "\n".join(
        "".join(_constants(node))
        for folder in ("softnce", "tune_spaces", "cluster")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.JoinedStr | ast.Constant)
    )
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    told = page.partition("## No error")[0]
    rows = re.findall(r"^\| `([^`]+)` \|", told, re.MULTILINE)
    parts = [part.strip(" :;,.(") for row in rows for part in row.split("…")]
    assert len(rows) > 40
    assert not [part for part in parts if part and part not in said]


def _constants(node):
    for part in node.values if isinstance(node, ast.JoinedStr) else [node]:
        yield str(part.value) if isinstance(part, ast.Constant) else "\0"
