"""The verb that shows a study."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from softnce.errors import ConfigError
from softnce.terminal.output import say
from tune_spaces.sources.options import StudyArgument

if TYPE_CHECKING:
    from tune_spaces.report.facts import StudyFacts
    from tune_spaces.study.context import StudyContext

_MOST_ROWS = 50  # of a table for a readme or a paper


def report(
    study: StudyArgument = None,
    push: Annotated[  # noqa: FBT002
        bool, typer.Option("--push", help="Send MLflow the events that wait.")
    ] = False,
    show: Annotated[  # noqa: FBT002
        bool, typer.Option("--open", help="Open the study's page in the browser.")
    ] = False,
    as_markdown: Annotated[  # noqa: FBT002
        bool, typer.Option("--markdown", help="Print the tables as Markdown instead.")
    ] = False,
    as_latex: Annotated[  # noqa: FBT002
        bool, typer.Option("--latex", help="Print the tables as LaTeX, for booktabs, instead.")
    ] = False,
    as_json: Annotated[  # noqa: FBT002
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Show the table and verdict of a study, and write its page: STUDY/report.html and pictures."""
    from softnce.terminal import logging_setup
    from softnce.terminal.console import terminal
    from tune_spaces.ray_session import session
    from tune_spaces.study.context import stored_study_context

    if as_markdown + as_latex + as_json > 1:
        raise ConfigError(
            "--markdown, --latex and --json: each is a form of its own", "ask for one of them"
        )
    session.quiet_environment()
    context = stored_study_context(study, terminal())
    logging_setup.log_to(context.folder.log, is_kept=False)
    if as_markdown or as_latex or as_json:
        say(_told(context, "markdown" if as_markdown else "latex" if as_latex else "json"), end="")
        return
    _page(context, _show(context, pushes=push), opens=show)


def _show(context: "StudyContext", *, pushes: bool) -> "StudyFacts":
    from tune_spaces.report import report as reports
    from tune_spaces.study.optuna_storage import study_id
    from tune_spaces.tune.callbacks import tracker_of

    tracker = tracker_of(context, study_id(context.folder.stored_study()))
    if pushes:
        sent = reports.push(context, tracker)
        say(f"sent {sent} events" if sent else "MLflow has everything")
    return reports.show(context, tracker)


def _page(context: "StudyContext", facts: "StudyFacts", *, opens: bool) -> None:
    from tune_spaces.report.report import write_report

    made = write_report(context, facts)
    if made is None:
        return
    say(f"\npage: {_shown(made.page)}")
    if opens:
        import webbrowser

        if not webbrowser.open(made.page.as_uri()):
            say("no browser was found here; open the page by hand")


def _told(context: "StudyContext", form: str) -> str:
    """Return a study as Markdown, as LaTeX, or as one JSON object."""
    from tune_spaces.report.facts import study_facts

    facts = study_facts(context)
    if form == "json":
        from tune_spaces.report.tables.record import study_record

        return json.dumps(study_record(facts, context.space), indent=1, allow_nan=False) + "\n"
    return _tables(facts, form)


def _tables(facts: "StudyFacts", form: str) -> str:
    from tune_spaces.report.tables.confirmed import confirmed_grid
    from tune_spaces.report.tables.grid import latex, latex_text, markdown, markdown_text
    from tune_spaces.report.tables.leaderboard import leaderboard

    write, text = (markdown, markdown_text) if form == "markdown" else (latex, latex_text)
    grids = [confirmed_grid(facts), leaderboard(facts, _MOST_ROWS)]
    tables = [write(grid) for grid in grids if grid is not None]
    return "\n".join([f"{text(facts.sentence)}\n", *tables])


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
