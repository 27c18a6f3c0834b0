"""The ``softnce`` command: the verbs of all packages, and errors as sentences."""

import sys
import traceback
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from cluster.cli import doctor, submit, ui
from softnce.cli import data_app
from softnce.errors import EXIT_KILLED, ConfigError, RunError, SetupError, SoftnceError
from softnce.secret import masked
from softnce.terminal.output import show_any_text
from tune_spaces.commands.audit import audit
from tune_spaces.commands.confirm import confirm
from tune_spaces.commands.evaluate import evaluate
from tune_spaces.commands.export import export
from tune_spaces.commands.negatives import mine_negatives
from tune_spaces.commands.plan import plan
from tune_spaces.commands.query import query
from tune_spaces.commands.report import report
from tune_spaces.commands.reproduce import reproduce
from tune_spaces.commands.schema import schema
from tune_spaces.commands.search import clean, logs, search
from tune_spaces.commands.train import train
from tune_spaces.commands.weights import weights

app = typer.Typer(
    name="softnce",
    help="Search the contrastive loss that makes your code-search encoder retrieve best.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(search)
app.command()(plan)
app.command()(confirm)
app.command()(train)
app.command()(evaluate)
app.command()(query)
app.command()(export)
app.command()(report)
app.command()(logs)
app.command()(clean)
app.command()(weights)
app.command()(schema)
app.command()(mine_negatives)
app.command()(reproduce)
data_app.command()(audit)
app.add_typer(data_app, name="data")
app.command()(ui)
app.command()(submit)
app.command()(doctor)


@app.callback()
def root(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,  # noqa: FBT002
) -> None:
    """Search the contrastive loss that makes your code-search encoder retrieve best."""
    del debug  # looked up by main, which also serves it after the verb


def main() -> None:
    """Run the command line; exit with the code of what happened."""
    show_any_text()
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
            return _traced()
        return _explained(cause)
    except Exception as error:  # noqa: BLE001  (told as a sentence, or with its traceback)
        if debug:
            return _traced()
        return _explained(error)
    return int(result) if isinstance(result, int) else 0


def _explained(error: Exception) -> int:
    """Print an error as a sentence and return its exit code."""
    if isinstance(error, SoftnceError):
        _complain(str(error))
        return error.exit_code
    if isinstance(error, TyperException):  # a usage error of typer's own
        _complain(_usage(error))
        return ConfigError.exit_code
    if isinstance(error, RuntimeError) and str(error).startswith("Symlink loop"):
        _complain(f"{str(error).rpartition(' from ')[2]}: a loop of symbolic links")
        return ConfigError.exit_code
    if isinstance(error, OSError):
        _complain(f"{error.filename or 'the system'}: {error.strerror or error}")
        return SetupError.exit_code
    _complain(_unexpected(error))
    return RunError.exit_code


def _traced() -> int:
    """Print the traceback of the error at hand as Python would, but without passwords."""
    from softnce.terminal.console import errors

    errors(soft_wrap=True).print(masked(traceback.format_exc()), end="", highlight=False)
    return RunError.exit_code


def _unexpected(error: Exception) -> str:
    said = (str(error).strip() or "no message").splitlines()[0][:300]
    return f"unexpected {type(error).__name__}: {said}; the same command with --debug shows where"


def _usage(error: TyperException) -> str:
    words = getattr(error, "format_message", error.__str__)().replace("Value error, ", "")
    return f"{words.rstrip('.')}; softnce --help lists the commands and their options"


def _complain(message: str) -> None:
    from rich.text import Text

    from softnce.terminal.console import errors

    errors(soft_wrap=True).print(
        Text("error: ", "bold red").append(Text(masked(message), "default"))
    )


if __name__ == "__main__":
    main()
