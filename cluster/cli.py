"""The ``softnce`` command: the verbs of all floors, and errors as sentences."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from softnce.cli import data_app, weights
from softnce.errors import EXIT_KILLED, ConfigError, RunError, SetupError, SoftnceError
from tune_spaces.cli import clean, logs, report, search

app = typer.Typer(
    name="softnce",
    help="Search the contrastive loss that makes your code-search encoder retrieve best.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(search)
app.command()(report)
app.command()(logs)
app.command()(clean)
app.command()(weights)
app.add_typer(data_app, name="data")


@app.command()
def ui(
    study: Annotated[
        str | None, typer.Argument(help="A study's folder or name; the newest without it.")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="On 127.0.0.1.")] = 5000,
) -> None:
    """Open the MLflow UI of a study on 127.0.0.1."""
    from cluster.ui import require_free, serve, store_uri

    uri = store_uri(study)
    require_free(port)
    typer.echo(f"MLflow UI on http://127.0.0.1:{port} (Ctrl-C ends it)")
    sys.stdout.flush()
    serve(uri, port)


@app.command()
def submit(  # noqa: PLR0913  (what a user may set)
    config: Annotated[
        str | None,
        typer.Argument(help="A YAML file, or a preset's name; the preset quick without it."),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="Dashboard of the cluster: http://HEAD:8265; or RAY_API_SERVER_ADDRESS."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="a.b=c", help="Change a setting; may be repeated."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the study, below resources.storage_path.")
    ] = None,
    working_dir: Annotated[Path, typer.Option(help="The code that travels.")] = Path(),
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Leave it out; may be repeated.")
    ] = None,
    runner: Annotated[
        str, typer.Option(help="image: the cluster's softnce; uv: uv run softnce; or auto.")
    ] = "auto",
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not follow the job.")] = False,  # noqa: FBT002
) -> None:
    """Run a search as a job of a Ray cluster, and follow it to its end."""
    from cluster.submit import Baggage, runner_named, submit
    from softnce.configfile import load_config
    from tune_spaces.cli import config_path, source_name

    path = config_path(config)
    resolved = load_config(path, list(settings or []))
    code = submit(
        resolved,
        source=source_name(path, resolved.data.path),
        address=address,
        out=out,
        baggage=Baggage(working_dir, exclude or (), runner_named(runner), waits=not no_wait),
        write=_write,
    )
    raise typer.Exit(code)


@app.command()
def doctor(
    config: Annotated[
        str | None, typer.Argument(help="What is to run: a YAML file, or a preset's name.")
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="Dashboard of a cluster: http://HEAD:8265; or RAY_API_SERVER_ADDRESS."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="a.b=c", help="Change a setting; may be repeated."),
    ] = None,
) -> None:
    """Say whether this machine, or a cluster, is ready for a search; each fault with its cure."""
    from cluster.doctor import examine
    from cluster.findings import is_fit, line, summary
    from cluster.jobs import known_address
    from softnce.configfile import load_config
    from tune_spaces.cli import config_path

    wanted = load_config(config_path(config), list(settings or [])) if config or settings else None
    found = []
    for one in examine(wanted, known_address(address)):
        found.append(one)
        _write(f"{line(one)}\n")
    _write(f"\n{summary(found)}\n")
    raise typer.Exit(0 if is_fit(found) else SetupError.exit_code)


@app.callback()
def root(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,  # noqa: FBT002
) -> None:
    """Search the contrastive loss that makes your code-search encoder retrieve best."""
    del debug  # looked up by main, which also serves it after the verb


def main() -> None:
    """Run the command line; exit with the code of what happened."""
    arguments = [one for one in sys.argv[1:] if one != "--debug"] or ["--help"]
    sys.exit(_code(arguments, debug="--debug" in sys.argv[1:]))


def _code(arguments: list[str], *, debug: bool) -> int:
    try:
        result: Any = app(args=arguments, prog_name="softnce", standalone_mode=False)
    except typer.Exit as ending:
        return int(ending.exit_code)
    except KeyboardInterrupt:
        return EXIT_KILLED
    except typer.Abort as error:  # what typer makes of Ctrl-C, and of a file that ends too soon
        cause = error.__cause__
        if not isinstance(cause, EOFError):
            return EXIT_KILLED
        if debug:
            raise
        return _explained(cause)
    except Exception as error:
        if debug:
            raise
        return _explained(error)
    return int(result) if isinstance(result, int) else 0


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _explained(error: Exception) -> int:
    """Print an error as a sentence and return its exit code."""
    if isinstance(error, SoftnceError):
        _complain(str(error))
        return error.exit_code
    if isinstance(error, TyperException):  # a usage error of typer's own
        _complain(_usage(error))
        return ConfigError.exit_code
    if isinstance(error, OSError):
        _complain(f"{error.filename or 'the system'}: {error.strerror or error}")
        return SetupError.exit_code
    _complain(_unexpected(error))
    return RunError.exit_code


def _unexpected(error: Exception) -> str:
    said = (str(error).strip() or "no message").splitlines()[0][:300]
    return f"unexpected {type(error).__name__}: {said}; the same command with --debug shows where"


def _usage(error: TyperException) -> str:
    words = getattr(error, "format_message", error.__str__)()
    return f"{words.rstrip('.')}; softnce --help lists the commands and their options"


def _complain(message: str) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True)
    console.print(Text("error: ", "bold red").append(Text(message, "default")))
