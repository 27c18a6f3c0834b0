"""What the verdict rests on, and what the encoders cost: the gain fresh seeds left, the Pareto."""

import shlex
from collections.abc import Sequence

from tune_spaces.report.facts import StudyFacts
from tune_spaces.report.figures.chart import STOPPED, Axis, Chart, Panel, Series
from tune_spaces.report.figures.families import colours, families, note
from tune_spaces.report.fresh_runs import ConfirmedGain, Gain, confirmed_gains, confirmed_sides
from tune_spaces.study.verdicts.verdict import ResultRow, can_be_confirmed, eligible

_STAGES = ("as selected", "fresh, validation", "fresh, test")
_COSTS = {"encode_ms": "milliseconds to encode a query, alone", "parameters": "parameters"}


def winners_curse(facts: StudyFacts) -> Chart:
    """Draw what is left of each gain on fresh seeds and on the test split."""
    title, name = "What fresh seeds left of the gain", "winners-curse"
    caption = (
        "The gain in MRR over InfoNCE as the search selected it (one seed, the best of many "
        "tries), on fresh seeds, and on the test split, with 95 % intervals; and the MRR itself of "
        "every configuration. What falls from the first to the second was luck."
    )
    gains = confirmed_gains(facts)
    if not gains:
        can_be = can_be_confirmed(facts.table, facts.config.search)
        does_it = f"; softnce confirm {shlex.quote(facts.root.name)} does it" if can_be else ""
        why = f"Nothing has been confirmed yet{does_it}."
        return Chart(name, title, caption, missing=why)
    lines = [_line(one, colour) for colour, one in enumerate(gains, start=1)]
    rulers = [("no gain", 0.0), ("worth having", facts.config.search.smallest_gain)]
    stages, gained = Axis("", categories=_STAGES), Axis("gain in MRR")
    left = Panel(stages, gained, lines, "gain over InfoNCE", rulers=rulers)
    shade = {one.candidate: colour for colour, one in enumerate(gains, start=1)}
    reached = []
    for at, side in enumerate(confirmed_sides(facts)):
        places = [(stage, side[key]) for stage, key in _reached_at(facts) if side[key] is not None]
        x, y = [stage for stage, _ in places], [value for _, value in places]
        notes = [f"{side['title']}: {value:.4f}, {stage}" for stage, value in places]
        colour = shade.get(side["name"], 0 if at == len(gains) else STOPPED)
        is_opponent = side["name"] not in shade
        reached.append(
            Series(side["title"], "line", x, y, colour, notes=notes, is_open=is_opponent)
        )
    right = Panel(stages, Axis("MRR"), reached, "every configuration")
    return Chart(name, title, caption, [left, right])


def cost_and_quality(facts: StudyFacts) -> Chart:
    """Draw the metric against what the encoder costs, and the trials that no other dominates."""
    title, name = "Quality against cost", "pareto"
    caption = (
        f"Validation {facts.metric} of every complete trial against the time to encode a query and "
        "the size of its encoder. No trial is both cheaper and better than one on the line."
    )
    complete = [row for row in eligible(facts.table) if row.value is not None]
    panels = []
    for cost, label in _COSTS.items():
        known = [row for row in complete if cost in facts.costs.get(row.key, {})]
        if known:
            panels.append(_against(facts, cost, label, known))
    if not panels:
        why = "No complete trial has measured what its encoder costs."
        return Chart(name, title, caption, missing=why)
    return Chart(name, title, caption, panels)


def _reached_at(facts: StudyFacts) -> Sequence[tuple[str, str]]:
    """Pair each stage with its key in the verdict; the search may have maximised another metric."""
    stages = list(zip(_STAGES, ("selected", "fresh", "test"), strict=True))
    return stages if facts.metric == "mrr" else stages[1:]


def _line(one: ConfirmedGain, colour: int) -> Series:
    stages = zip(_STAGES, (one.selected, one.valid, one.test), strict=True)
    known = [(stage, gain) for stage, gain in stages if gain is not None]
    return Series(
        name=f"{one.title} over {one.opponent}",
        kind="line",
        x=[stage for stage, _ in known],
        y=[gain.mean for _, gain in known],
        colour=colour,
        low=[gain.mean if gain.low is None else gain.low for _, gain in known],
        high=[gain.mean if gain.high is None else gain.high for _, gain in known],
        notes=[f"{stage}: {_told(gain)}" for stage, gain in known],
    )


def _told(gain: Gain) -> str:
    if gain.low is None or gain.high is None:
        return f"{gain.mean:+.4f}"
    return f"{gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"


def _against(facts: StudyFacts, cost: str, label: str, known: Sequence[ResultRow]) -> Panel:
    shade = colours(facts.table)
    series = []
    for loss, members in families(known).items():
        x, y = [facts.costs[row.key][cost] for row in members], [row.value for row in members]
        notes = [f"{note(row)}; {facts.costs[row.key][cost]:,.4g} {label}" for row in members]
        series.append(Series(loss, "points", x, y, shade[loss], notes=notes))
    cheapest_first = sorted(known, key=lambda row: (facts.costs[row.key][cost], -(row.value or 0)))
    front: list[ResultRow] = []
    for row in cheapest_first:
        if not front or (row.value or 0) > (front[-1].value or 0):
            front.append(row)
    places = [facts.costs[row.key][cost] for row in front]
    heights, notes = [row.value for row in front], [note(row) for row in front]
    line = Series("not dominated", "steps", places, heights, STOPPED, notes=notes, is_open=True)
    return Panel(Axis(label, is_log=True), Axis(facts.metric), [line, *series])
