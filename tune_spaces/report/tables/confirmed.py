"""The configurations that were confirmed, and which of them each significantly beats."""

from collections.abc import Mapping
from string import ascii_lowercase
from typing import Any

from tune_spaces.report.facts import StudyFacts
from tune_spaces.report.fresh_runs import confirmed_sides
from tune_spaces.report.tables.grid import Cell, Grid

_HEADERS = ("", "configuration", "seeds", "selected", "fresh", "test", "note")


def confirmed_grid(facts: StudyFacts) -> Grid | None:
    """Return what fresh seeds made of each configuration; None where nothing was confirmed.

    Above a test score stand the rows that it beats: by the paired tests of the confirmation, over
    seeds and queries, adjusted for all candidates together.
    """
    sides = confirmed_sides(facts)
    if facts.verdict is None or not sides:
        return None
    names = {side["name"]: _name(at) for at, side in enumerate(sides)}
    beaten = _beaten(facts.verdict.facts["gains"])
    rows = []
    for side in sides:
        above = "".join(sorted(names[one] for one in beaten.get(side["name"], ()) if one in names))
        selected = "-" if side["selected"] is None else f"{side['selected']:.4f}"
        texts = [names[side["name"]], side["title"], str(side["seeds"]), selected]
        fresh, test = Cell(f"{side['fresh']:.4f}"), Cell(f"{side['test']:.4f}", above)
        rows.append([*map(Cell, texts), fresh, test, Cell(side["note"])])
    queries = facts.verdict.facts.get("test_queries", 0)
    best = facts.verdict.facts.get("candidate")
    return Grid(
        caption=(
            f"MRR of the confirmed configurations of study {facts.name} on fresh seeds; test: "
            f"{queries:,} queries. Above a score stand the rows that it beats (95 %, paired over "
            "seeds and queries, adjusted for all candidates)."
        ),
        headers=_HEADERS,
        rows=rows,
        numeric=frozenset({2, 3, 4, 5}),
        best=next((at for at, side in enumerate(sides) if side["name"] == best), None),
    )


def _beaten(gains: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return whom each configuration beats.

    A candidate's gain is over the opponent against which its evidence is weakest: where that lies
    above 0 it has beaten every opponent of its own. Where it lies below, that opponent has won.
    """
    found: dict[str, list[str]] = {}
    for name, gain in gains.items():
        if gain["low"] is not None and gain["low"] > 0:
            found.setdefault(name, []).extend(gain.get("opponents", [gain["opponent"]]))
        if gain["high"] is not None and gain["high"] < 0:
            found.setdefault(gain["opponent"], []).append(name)
    return found


def _name(number: int) -> str:
    """Name a row: a to z, then by number.

    >>> _name(0), _name(25), _name(26)
    ('a', 'z', '27')
    """
    return ascii_lowercase[number] if number < len(ascii_lowercase) else str(number + 1)
