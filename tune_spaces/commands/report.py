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
    from tune_spaces.tracking.tracker import Tracker

_MOST_ROWS = 50  # of a table for a readme or a paper


def report(  # noqa: PLR0913  (what a user may set)
    study: StudyArgument = None,
    push: Annotated[  # noqa: FBT002
        bool, typer.Option("--push", help="Send MLflow the events that wait.")
    ] = False,
    show: Annotated[  # noqa: FBT002
        bool, typer.Option("--open", help="Open the study's page in the browser.")
    ] = False,
    quiet: Annotated[  # noqa: FBT002
        bool, typer.Option("--quiet", "-q", help="Print the verdict alone.")
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

    asked = {"quiet": quiet, "markdown": as_markdown, "latex": as_latex, "json": as_json}
    forms = [name for name, is_asked in asked.items() if is_asked]
    if len(forms) > 1:
        raise ConfigError(
            "--quiet, --markdown, --latex and --json: each is a form of its own",
            "ask for one of them",
        )
    session.quiet_environment()
    context = stored_study_context(study, terminal(quiet=bool(forms)))
    logging_setup.log_to(context.folder.log, is_kept=False)
    if push:
        _push(context)
    if forms:
        say(_told(context, forms[0]), end="")
    facts = None if forms else _show(context)
    if show or not forms:
        _page(context, facts, opens=show)


def _push(context: "StudyContext") -> None:
    from softnce.terminal.console import errors
    from tune_spaces.report.report import push

    sent = push(context, _tracker(context))
    told = errors() if context.console.quiet else context.console  # stdout is the form's alone
    told.print(f"sent {sent} events" if sent else "MLflow has everything")


def _show(context: "StudyContext") -> "StudyFacts":
    from tune_spaces.report import report as reports

    return reports.show(context, _tracker(context))


def _tracker(context: "StudyContext") -> "Tracker":
    from tune_spaces.study.optuna_storage import study_id
    from tune_spaces.tune.callbacks import tracker_of

    return tracker_of(context, study_id(context.folder.stored_study()))


def _page(context: "StudyContext", facts: "StudyFacts | None", *, opens: bool) -> None:
    from softnce.terminal.console import errors
    from tune_spaces.report.report import write_report

    made = write_report(context, facts)
    if made is None:
        return
    context.console.print(f"\npage: {_shown(made.page)}", soft_wrap=True, markup=False)
    if opens:
        import webbrowser

        if not webbrowser.open(made.page.as_uri()):
            errors(soft_wrap=True).print(f"no browser was found here; open {made.page} by hand")


def _told(context: "StudyContext", form: str) -> str:
    """Return the verdict of a study alone, its tables as Markdown or LaTeX, or one JSON object."""
    from tune_spaces.report.facts import study_facts

    facts = study_facts(context)
    if form == "quiet":
        return f"{facts.sentence}\n"
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
