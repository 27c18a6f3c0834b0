"""The verbs about the machine and the cluster; each is a few lines that call down."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from softnce.errors import SetupError
from softnce.terminal.output import say
from tune_spaces.sources.options import ConfigArgument, SettingsOption, StudyArgument


def ui(
    study: StudyArgument = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port on 127.0.0.1.")] = 5000,
    is_opened: Annotated[  # noqa: FBT002
        bool, typer.Option("--open", help="Open the study in a browser, too.")
    ] = False,
) -> None:
    """Serve the MLflow UI of a study on 127.0.0.1, and say where in it the study is."""
    from cluster.ui import require_free, serve, store_uri
    from tune_spaces.study.folder import find_study
    from tune_spaces.tracking.links import stored_link

    uri = store_uri(study)
    require_free(port)
    say(f"MLflow starts on http://127.0.0.1:{port}, which takes some seconds (Ctrl-C ends it)")
    serve(uri, port, stored_link(find_study(study)), is_opened=is_opened)


def submit(  # noqa: PLR0913  (what a user may set)
    config: ConfigArgument = None,
    address: Annotated[
        str | None,
        typer.Option(
            help="The cluster's dashboard, http://HEAD:8265; RAY_API_SERVER_ADDRESS without it."
        ),
    ] = None,
    settings: SettingsOption = None,
    out: Annotated[
        Path | None, typer.Option(help="The study's folder, below resources.storage_path.")
    ] = None,
    working_dir: Annotated[
        Path, typer.Option(help="The folder with the code that is sent to the cluster.")
    ] = Path(),
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Files that are not sent; may be repeated."),
    ] = None,
    runner: Annotated[
        str,
        typer.Option(
            help="How the job starts softnce: image (the cluster's own), uv (uv run softnce), or "
            "auto (the first of them that is there)."
        ),
    ] = "auto",
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not follow the job.")] = False,  # noqa: FBT002
) -> None:
    """Run a search as a job of a Ray cluster, and follow it to its end."""
    from cluster.submit.submit import SubmitOptions, runner_named, submit
    from softnce.config.file import load_config
    from tune_spaces.sources.config import config_path, source_name

    path = config_path(config)
    resolved = load_config(path, list(settings or []))
    code = submit(
        resolved,
        source=source_name(path, resolved.data.path),
        address=address,
        out=out,
        options=SubmitOptions(working_dir, exclude or (), runner_named(runner), waits=not no_wait),
        write=partial(say, end=""),
    )
    raise typer.Exit(code)


def doctor(
    config: Annotated[
        str | None, typer.Argument(help="What is to run: a YAML file, or a preset's name.")
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            help="A cluster's dashboard, http://HEAD:8265; RAY_API_SERVER_ADDRESS without it."
        ),
    ] = None,
    settings: SettingsOption = None,
    as_json: Annotated[  # noqa: FBT002
        bool, typer.Option("--json", help="Print one JSON object instead of lines.")
    ] = False,
) -> None:
    """Check whether this machine, or a cluster, is ready for a search; name each fault's cure."""
    from cluster.doctor.check_results import is_fit, line, record, summary
    from cluster.doctor.examine import examine
    from cluster.jobs import known_address
    from softnce.config.file import load_config
    from tune_spaces.sources.config import config_path

    wanted = load_config(config_path(config), list(settings or [])) if config or settings else None
    results = []
    for result in examine(wanted, known_address(address)):
        results.append(result)
        if not as_json:
            say(line(result))
    say(json.dumps(record(results), indent=1) if as_json else f"\n{summary(results)}")
    raise typer.Exit(0 if is_fit(results) else SetupError.exit_code)
