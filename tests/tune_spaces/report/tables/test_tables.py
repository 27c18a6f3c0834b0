"""The tables of a study as Markdown, LaTeX and JSON: parsed by others, whatever the cells hold."""

import json

import pytest
from markdown_it import MarkdownIt

from tests.told_studies import confirm_told, told_study
from tune_spaces.report.facts import study_facts
from tune_spaces.report.tables.confirmed import confirmed_grid
from tune_spaces.report.tables.grid import Cell, Grid, latex, markdown
from tune_spaces.report.tables.leaderboard import leaderboard
from tune_spaces.report.tables.record import study_record
from tune_spaces.report.tables.results_table import results_table

EVIL = "a|b `c` **d** <script> [e](f) _g_ 100% \\ $h$ #i {j} ^k ~l & \x1b[31m\nnext 名前"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    states = ["complete", "complete", "complete", "pruned", "failed"]
    found = told_study(tmp_path_factory.mktemp("told") / "told", 30, states=states, errors=[EVIL])
    confirm_told(found)
    return found


@pytest.fixture(scope="module")
def facts(study):
    return study_facts(study)


def parsed(text):
    """Return the cells of each row of a Markdown table, as a reader sees them."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    rows, inside = [], False
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        inside = (
            {"td_open": True, "th_open": True}.get(token.type, False)
            if token.type in ("td_open", "th_open", "td_close", "th_close")
            else inside
        )
        if inside and token.type == "inline":
            rows[-1].append(token)
    return rows


def test_markdown_shows_every_cell_as_it_is():
    text = markdown(Grid("caption", ["one", "two"], [[Cell(EVIL), Cell("2", "ab")]], best=None))
    _, (evil, score) = parsed(text)
    kinds = {child.type for child in evil.children}
    assert kinds <= {"text", "text_special"}
    shown = "".join(child.content for child in evil.children)
    assert shown == EVIL.replace("\x1b", "\\x1b").replace("\n", " ")
    assert score.content == "2<sup>ab</sup>"


def test_latex_escapes_what_it_would_read():
    text = latex(Grid("c", ["h"], [[Cell(EVIL, "ab")]], frozenset({0})))
    (line,) = [one for one in text.splitlines() if one.startswith("a")]
    assert r"\textsuperscript{ab} \\" in line
    bare = line.replace(r"\textsuperscript{ab} \\", "")
    for sign in "%$#&_":
        assert bare.count(sign) == bare.count("\\" + sign)
    assert r"\begin{tabular}{r}" in text


def test_the_leaderboard_begins_with_the_champion_and_ends_with_the_baselines(facts):
    grid = leaderboard(facts)
    assert grid.best == 0
    assert grid.rows[0][0].text == facts.best.key
    scores = [row[-3].text for row in grid.rows if row[-2].text == "complete"]
    assert scores == sorted(scores, reverse=True)
    assert [row[0].text for row in grid.rows[-2:]] == ["encoder before training", "BM25"]
    assert all(len(row) == len(grid.headers) for row in grid.rows)


def test_superscripts_name_the_opponents_that_a_candidate_beats(facts):
    grid = confirmed_grid(facts)
    names = {row[1].text.split()[0]: row[0].text for row in grid.rows}
    beats = {row[1].text.split()[0]: row[5].beats for row in grid.rows}
    for name, gain in facts.verdict.facts["gains"].items():
        assert gain["low"] > 0
        assert beats[name] == "".join(sorted(names[one] for one in gain["opponents"]))
    assert all(not beats[name] for name in names if name not in facts.verdict.facts["gains"])


def test_a_gain_that_is_not_shown_has_no_superscript(tmp_path):
    study = told_study(tmp_path / "none", 12)
    confirm_told(study, gain=0.0)
    assert not any(row[5].beats for row in confirmed_grid(study_facts(study)).rows)


def test_a_record_is_json_without_nan(study, facts):
    found = json.loads(json.dumps(study_record(facts, study.space), allow_nan=False))
    assert found["champion"]["key"] == facts.best.key
    assert found["states"] == {"complete": 18, "pruned": 6, "failed": 6}
    assert len(found["trials"]) == 30
    assert found["verdict"]["verdict"] == "Better"
    assert found["trials"][0]["costs"]["parameters"] >= 100_000


@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_table_never_outgrows_its_place_and_names_what_it_leaves_out(facts, width):
    from rich.console import Console

    searched = [*facts.config.search.space, "weights/bm25/variant", "loss/temperature"]
    found = results_table(facts.table, facts.best, "mrr", searched=searched, width=width)
    console = Console(width=width, file=None, record=True, quiet=True)
    lines = console.render_lines(found.table, console.options, pad=False)
    assert all(sum(piece.cell_length for piece in line) <= width for line in lines)
    text = "\n".join("".join(piece.text for piece in line) for line in lines)
    assert "…" not in text.split("champion")[0].splitlines()[0]
    for row in facts.table:
        if row.value is not None and row.state == "complete":
            assert f"{row.value:.4f}" in text
    headers = [column.header.replace("\n", "") for column in found.table.columns]
    assert not set(found.left_out) & set(headers)
    assert bool(found.left_out) == (width < 140)
