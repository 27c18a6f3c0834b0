"""The page and the pictures of a study, written into its folder where the study has changed."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from softnce.config.file import to_yaml
from softnce.whole_files import write_bytes, write_text
from tune_spaces.report.facts import StudyFacts
from tune_spaces.study.context import StudyContext

log = logging.getLogger(__name__)
PAGE, PICTURES = "report.html", "figures"
_FORM = 3  # of the page: another number, and every page is made anew
_START = 200  # bytes of a page that hold what it was made from


@dataclass(frozen=True, slots=True)
class MadeReport:
    """Where a study's report lies.

    Attributes:
        page: one file of html that opens without a network.
        pictures: the figures as png; those that there is nothing to draw of are missing.
    """

    page: Path
    pictures: Sequence[Path]


def made_report(context: StudyContext, facts: StudyFacts) -> MadeReport:
    """Write a study's page and pictures, unless those of the study as it is lie there.

    Args:
        context: the study.
        facts: of it.

    Raises:
        OSError: the folder cannot be written.
        SetupError: plotly is not installed.
    """
    page, folder = facts.root / PAGE, facts.root / PICTURES
    mark = f"report {_digest(facts)}"
    if not _is_made(page, mark):
        _write(context, facts, page, mark)
    return MadeReport(page, sorted(folder.glob("*.png")))


def _write(context: StudyContext, facts: StudyFacts, page: Path, mark: str) -> None:
    from tune_spaces.report.figures.catalogue import charts
    from tune_spaces.report.figures.picture import picture
    from tune_spaces.report.figures.plotly_page import chart_section, whole_page
    from tune_spaces.report.page import sections
    from tune_spaces.report.page.changed import changed_texts

    drawn = charts(facts)
    body = [
        sections.head(facts),
        sections.compared(facts),
        sections.confirmed(facts),
        *(chart_section(chart) for chart in drawn if chart.panels),
        sections.queries(changed_texts(context, facts)),
        sections.trials(facts),
        sections.not_drawn(drawn),
        sections.configuration(facts),
    ]
    folder = facts.root / PICTURES
    folder.mkdir(exist_ok=True)
    for chart in drawn:
        path = folder / f"{chart.name}.png"
        if chart.panels:
            write_bytes(path, picture(chart))
        else:
            path.unlink(missing_ok=True)
    html = whole_page(f"softnce: study {facts.name}", "".join(body), drawn, remark=mark)
    write_text(page, html)  # last: its mark says that all of it is there
    log.info("wrote %s", page)


def _is_made(page: Path, mark: str) -> bool:
    if not page.is_file():
        return False
    with page.open("rb") as file:
        return f"<!-- softnce {mark} -->".encode() in file.read(_START)


def _digest(facts: StudyFacts) -> str:
    """Name what a page is made from: trials, verdict, baselines, sizes and settings."""
    trials = [
        [row.key, str(row.state), row.value, row.note, len(facts.curves.get(row.key, ()))]
        for row in facts.table
    ]
    sizes = None if facts.sizes is None else facts.sizes.told
    baselines = {name: dict(metrics) for name, metrics in facts.baselines.items()}
    whole = [_FORM, version("softnce"), facts.name, trials, facts.sentence, sizes, baselines]
    content = json.dumps([*whole, to_yaml(facts.config)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:20]
