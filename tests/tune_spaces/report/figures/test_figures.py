"""The figures of a told study, as charts, as what Plotly accepts, and as png."""

import json
import re

import plotly.graph_objects
import pytest

from tests.told_studies import confirm_told, told_study
from tune_spaces.report.facts import study_facts
from tune_spaces.report.figures.catalogue import charts
from tune_spaces.report.figures.chart import Axis, Panel, Series
from tune_spaces.report.figures.picture import picture
from tune_spaces.report.figures.plotly_page import page_of_charts
from tune_spaces.report.figures.plotly_panels import panel_json

STATES = ["complete", "complete", "complete", "pruned", "complete", "failed"]


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    context = told_study(tmp_path_factory.mktemp("told") / "told", 48, states=STATES)
    confirm_told(context)
    return study_facts(context)


@pytest.fixture(scope="module")
def drawn(facts):
    return {one.name: one for one in charts(facts)}


def test_a_confirmed_study_has_every_figure(drawn):
    assert [name for name, chart in drawn.items() if not chart.panels] == []
    assert len(drawn) == 7


def test_plotly_accepts_every_trace(drawn):
    for chart in drawn.values():
        for panel in chart.panels:
            found = panel_json(panel)
            plotly.graph_objects.Figure(found["data"], found["layout"])


def test_the_best_so_far_of_a_loss_never_falls_and_reaches_the_last_trial(facts, drawn):
    (panel,) = drawn["best-so-far"].panels
    assert [one.name for one in panel.series] == ["infonce", "soft-infonce"]
    for one in panel.series:
        assert list(one.y) == sorted(one.y)
        assert one.x[-1] == len(facts.table)
    assert max(panel.series[1].y) == facts.best.value


def test_what_would_flatten_the_curves_is_told_in_words(drawn):
    chart = drawn["best-so-far"]
    assert chart.caption.endswith("Beside them: encoder before training 0.0200, BM25 0.2500.")
    lowest = min(height for one in chart.panels[0].series for height in one.y)
    assert all(height > 0.02 for _, height in chart.panels[0].rulers)
    assert lowest > 0.4


def test_pruned_trials_end_in_a_cross(facts, drawn):
    (panel,) = drawn["learning-curves"].panels
    stopped = panel.series[-1]
    assert stopped.name == "stopped early"
    assert len(stopped.x) == sum(row.state == "pruned" for row in facts.table)
    assert set(stopped.x) == {2}


def test_each_estimator_has_its_contour(drawn):
    panels = drawn["ratio-temperature"].panels
    assert {one.title for one in panels} == {"bm25", "teacher"}
    for panel in panels:
        known = [z for row in panel.surface.z for z in row if z is not None]
        assert 0.2 < min(known) <= max(known) < 0.7


def test_boxes_hold_complete_trials_only(facts, drawn):
    (panel,) = drawn["by-loss"].panels
    shown = sum(len(one.y) for one in panel.series)
    assert shown == sum(row.state == "complete" for row in facts.table)
    assert set(panel.x.categories) == {"infonce", "soft-infonce, bm25", "soft-infonce, teacher"}


def test_the_gain_is_followed_from_selection_to_the_test_split(facts, drawn):
    gains, _ = drawn["winners-curse"].panels
    for line in gains.series:
        key = line.name.split()[0]
        test = facts.verdict.facts["gains"][key]
        assert list(line.x) == ["as selected", "fresh, validation", "fresh, test"]
        assert (line.low[2], line.y[2], line.high[2]) == (test["low"], test["mean"], test["high"])
        assert line.low[1] < line.y[1] < line.high[1]
        assert line.y[1] == pytest.approx(0.02, abs=0.01)
        assert line.low[0] == line.y[0] == line.high[0]


@pytest.mark.parametrize(
    ("costs", "marks"),
    [
        ([0.068, 0.072], {"nticks": 5, "tickformat": ""}),
        ([100_000, 101_000], {"nticks": 5, "tickformat": "~s"}),
        ([1_024_000, 1_024_000], {"tickvals": [1_024_000], "ticktext": ["1.024M"]}),
        ([2, 6], {"type": "log", "ticktext": ["2", "3", "4", "6"]}),
    ],
)
def test_an_axis_of_costs_tells_numbers_apart_however_near_they_are(costs, marks):
    series = Series("infonce", "points", costs, [0.1, 0.2])
    drawn = panel_json(Panel(Axis("cost", is_log=True), Axis("mrr"), [series]))
    assert drawn["layout"]["xaxis"].items() >= marks.items()


def test_no_trial_dominates_one_on_the_front(facts, drawn):
    front = drawn["pareto"].panels[0].series[0]
    for x, y in zip(front.x, front.y, strict=True):
        for row in facts.table:
            if row.state == "complete":
                cost = facts.costs[row.key]["encode_ms"]
                assert not (cost <= x and row.value > y)


def test_a_page_holds_plotly_once_and_allows_no_other_script(drawn):
    page = page_of_charts("told", list(drawn.values()))
    assert page.count("plotly.js v") == 1
    assert len(page) < 6_000_000
    assert "script-src 'sha256-" in page
    data = json.loads(re.search(r'id="charts">(.*?)</script>', page)[1])
    assert {name.rsplit("-", 1)[0] for name in data} == set(drawn)
    assert all(f'id="{name}"' in page for name in data)


def test_every_chart_is_a_png(drawn):
    for chart in drawn.values():
        assert picture(chart).startswith(b"\x89PNG")


def test_a_study_without_a_complete_trial_says_what_is_missing(tmp_path):
    found = charts(study_facts(told_study(tmp_path / "none", 2, states=["failed"])))
    assert all(one.missing and not one.panels for one in found)
    assert "sha256" not in page_of_charts("none", found)  # nothing to draw: no script


def test_a_study_of_one_trial_is_drawn(tmp_path):
    found = charts(study_facts(told_study(tmp_path / "one", 1)))
    drawn = {one.name for one in found if one.panels}
    assert drawn == {"best-so-far", "by-loss", "learning-curves", "pareto"}
