"""The parts of a study's page besides its figures, as html in which every text is harmless."""

import shlex
from collections import Counter
from collections.abc import Sequence

from softnce.config.file import to_yaml
from tune_spaces.report.facts import StudyFacts
from tune_spaces.report.figures.chart import Chart
from tune_spaces.report.figures.plotly_panels import harmless
from tune_spaces.report.page.changed import ChangedText
from tune_spaces.report.tables.confirmed import confirmed_grid
from tune_spaces.report.tables.grid import Cell, Grid
from tune_spaces.report.tables.leaderboard import leaderboard
from tune_spaces.study.verdicts.verdict import best_infonce, can_be_confirmed, titled
from tune_spaces.trial_state import TrialState

_AT_FIRST = 25  # rows of the leaderboard that are seen without opening the rest
_LONGEST_TEXT = 4_000
_LONG, _WRAPPED = 24, ' class="long"'  # characters of a cell, above which it has several lines


def head(facts: StudyFacts) -> str:
    """Return the name of the study, its verdict, and its size in a line."""
    counts = Counter(str(row.state) for row in facts.table)
    states = ", ".join(f"{count:,} {state}" for state, count in counts.items()) or "no trial yet"
    config = facts.config
    parts = [
        f"{len(facts.table):,} trials ({states})",
        f"encoder {config.encoder_told}",
        f"validation: {facts.sizes.told}" if facts.sizes is not None else "",
    ]
    line = " · ".join(part for part in parts if part)
    return (
        f"<h1>Study {harmless(facts.name)}</h1>"
        f'<p class="verdict">{harmless(facts.sentence)}</p><p class="soft">{harmless(line)}</p>'
    )


def compared(facts: StudyFacts) -> str:
    """Return the champion beside InfoNCE and what needs no training, as a small table."""
    best, plain = facts.best, best_infonce(facts.table)
    rows = []
    if best is not None and best.value is not None:
        rows.append([f"champion {titled(best)}", f"{best.value:.4f}"])
    if plain is not None and plain.value is not None and plain is not best:
        rows.append([f"best InfoNCE {titled(plain)}", f"{plain.value:.4f}"])
    for name, metrics in facts.baselines.items():
        if facts.metric in metrics:
            rows.append([name, f"{metrics[facts.metric]:.4f}"])
    cells = [[Cell(text) for text in row] for row in rows]
    headers = ["", f"validation {facts.metric}"]
    return _table(Grid("", headers, cells, frozenset({1}), 0 if best else None)) if rows else ""


def confirmed(facts: StudyFacts) -> str:
    """Return the confirmed configurations and whom each beats."""
    grid = confirmed_grid(facts)
    if grid is None:
        return ""
    return f"<section><h2>Confirmed on fresh seeds</h2>{_captioned(grid)}</section>"


def trials(facts: StudyFacts) -> str:
    """Return the leaderboard, all but the best of it folded away."""
    grid = leaderboard(facts)
    kept = len(facts.table) - _AT_FIRST
    if kept <= 0:
        return f"<section><h2>Leaderboard</h2>{_captioned(grid)}</section>"
    ends = (*grid.rows[:_AT_FIRST], *grid.rows[len(facts.table) :])
    first = Grid(grid.caption, grid.headers, ends, grid.numeric, grid.best)
    rest = Grid("", grid.headers, grid.rows[_AT_FIRST : len(facts.table)], grid.numeric)
    return (
        f"<section><h2>Leaderboard</h2>{_captioned(first)}"
        f"<details><summary>{kept:,} more trials</summary>{_table(rest)}</details></section>"
    )


def queries(changed: Sequence[ChangedText]) -> str:
    """Return the validation queries that changed most between the candidate and its opponent."""
    if not changed:
        return ""
    rows = "".join(_query(one) for one in changed)
    caption = (
        "Mean reciprocal rank over the fresh seeds, of the candidate and of the InfoNCE that it "
        "was judged against. They are validation queries: who reads those of the test split "
        "begins to choose by them."
    )
    headers = "".join(f'<th class="n">{name}</th>' for name in ("candidate", "InfoNCE", "change"))
    return (
        "<section><h2>The queries that changed most</h2>"
        f'<p class="soft">{caption}</p><div class="scroll"><table><thead><tr>{headers}'
        f"<th>query</th><th>its code</th></tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def not_drawn(charts: Sequence[Chart]) -> str:
    """Return the figures that there is nothing to draw of, each with the reason."""
    names = [(one.title, one.missing) for one in charts if not one.panels]
    lines = "".join(f"<li>{harmless(title)}: {harmless(why)}</li>" for title, why in names)
    return f"<section><h2>Not drawn</h2><ul>{lines}</ul></section>" if names else ""


def configuration(facts: StudyFacts) -> str:
    """Return the resolved configuration, folded away, and how to go on."""
    where = harmless(shlex.quote(facts.root.name))
    commands = "\n".join(
        [
            *_first_step(facts, where),
            f"softnce ui {where}",
            f"softnce report {where} --markdown   # or --latex, --json",
        ]
    )
    return (
        "<section><h2>To go on</h2>"
        f"<pre>{commands}</pre><details><summary>configuration</summary>"
        f"<pre>{harmless(to_yaml(facts.config))}</pre></details></section>"
    )


def _first_step(facts: StudyFacts, where: str) -> list[str]:
    """Return what to type first: it depends on whether there is a champion, and a verdict."""
    failed = [row.key for row in facts.table if row.state == TrialState.FAILED]
    if facts.best is None:
        return [f"softnce logs {where} {failed[0]}   # why it failed"] if failed else []
    is_confirmed = facts.verdict is not None and bool(facts.verdict.facts)
    if is_confirmed or not can_be_confirmed(facts.table, facts.config.search):
        return []
    return [f"softnce confirm {where}   # is the lead real?"]


def _query(one: ChangedText) -> str:
    scores = (f"{one.found.ours:.3f}", f"{one.found.theirs:.3f}", f"{one.found.gain:+.3f}")
    cells = "".join(f'<td class="n">{score}</td>' for score in scores)
    query = harmless(one.query, _LONGEST_TEXT) or f"row {one.found.row} of the validation split"
    code = f"<pre>{harmless(one.code, _LONGEST_TEXT)}</pre>" if one.code else ""
    return f'<tr>{cells}<td class="wide">{query}</td><td class="wide">{code}</td></tr>'


def _captioned(grid: Grid) -> str:
    return f'<p class="soft">{harmless(grid.caption)}</p>{_table(grid)}'


def _table(grid: Grid) -> str:
    classes = [' class="n"' if at in grid.numeric else "" for at in range(len(grid.headers))]
    heads = "".join(
        f"<th{kind}>{harmless(name)}</th>" for kind, name in zip(classes, grid.headers, strict=True)
    )
    rows = []
    for number, row in enumerate(grid.rows):
        cells = "".join(
            f"<td{_WRAPPED if len(cell.text) > _LONG else kind}>{_cell(cell)}</td>"
            for kind, cell in zip(classes, row, strict=True)
        )
        style = ' class="best"' if number == grid.best else ""
        rows.append(f"<tr{style}>{cells}</tr>")
    return (
        f'<div class="scroll"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(cell: Cell) -> str:
    above = f"<sup>{harmless(cell.beats)}</sup>" if cell.beats else ""
    return harmless(cell.text, 300) + above
