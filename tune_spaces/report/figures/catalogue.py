"""All figures of a study, in the order of a page.

From a study's context to files::

    facts = study_facts(context)
    for chart in charts(facts):
        if chart.panels:  # else chart.missing says why there is nothing to draw
            (folder / f"{chart.name}.html").write_text(page_of_charts(facts.name, [chart]))
            (folder / f"{chart.name}.png").write_bytes(picture(chart))

``study_facts`` is in ``tune_spaces.report.facts``, ``page_of_charts`` in
``tune_spaces.report.figures.plotly_page`` (one page may hold all charts: plotly's script, 4.8 MB,
is in each page once) and ``picture`` in ``tune_spaces.report.figures.picture``.
"""

from tune_spaces.report.facts import StudyFacts
from tune_spaces.report.figures.chart import Chart
from tune_spaces.report.figures.course import best_so_far, learning_curves
from tune_spaces.report.figures.evidence import cost_and_quality, winners_curse
from tune_spaces.report.figures.settings import (
    importances,
    losses_compared,
    ratio_and_temperature,
)

_FIGURES = (
    winners_curse,
    best_so_far,
    losses_compared,
    ratio_and_temperature,
    importances,
    learning_curves,
    cost_and_quality,
)


def charts(facts: StudyFacts) -> list[Chart]:
    """Return the figures of a study; those that there is nothing to draw of say why."""
    return [figure(facts) for figure in _FIGURES]
