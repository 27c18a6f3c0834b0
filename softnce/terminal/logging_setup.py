"""One log file per study and one per trial: what the libraries and the training say, with times."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.logging import RichHandler

from softnce.secret import masked

TRIAL_LOG = "trial.log"
_NOISY = (
    *("ray", "mlflow", "alembic", "optuna"),
    *("transformers", "sentence_transformers", "huggingface_hub"),
)


class _MaskingFormatter(logging.Formatter):
    """Writes records, tracebacks included, without passwords."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as text."""
        return masked(super().format(record))


def log_to(path: Path, *, is_kept: bool = True) -> None:
    """Send all that this process logs to a file, and to no terminal, from now on.

    Args:
        path: appended to; its folder is made. The file of an earlier call is closed.
        is_kept: whether the log must be kept; who only looks goes on where nothing can be written.

    Raises:
        OSError: the file cannot be written, and must be.
    """
    logging.raiseExceptions = False  # a full disk must not add tracebacks of the log itself
    handler: Any
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError:
        if is_kept:
            raise
        handler = logging.NullHandler()
    handler.setFormatter(_MaskingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    for old in [one for one in root.handlers if getattr(one, "softnce", False)]:
        root.removeHandler(old)
        old.close()
    handler.softnce = True
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    redirect_libraries()
    logging.captureWarnings(capture=True)


def redirect_libraries() -> None:
    """Let libraries log where this process does; once more after the import of one of them."""
    for name in _NOISY:
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True


def also_show(console: Console) -> None:
    """Show on a terminal, too, what this process logs."""
    handler = RichHandler(console=console, show_path=False)
    handler.setFormatter(_MaskingFormatter("%(message)s"))
    logging.getLogger().addHandler(handler)


@contextmanager
def logging_restored() -> Iterator[None]:
    """Give the caller's logging back after the block, whatever ``log_to`` did in it."""
    root, raises, warns = logging.getLogger(), logging.raiseExceptions, warnings.showwarning
    loggers = [root, *map(logging.getLogger, _NOISY)]
    before = [(one, list(one.handlers), one.level, one.propagate) for one in loggers]
    try:
        yield
    finally:
        for handler in set(root.handlers) - set(before[0][1]):
            handler.close()
        for logger, handlers, level, propagates in before:
            logger.handlers, logger.propagate = handlers, propagates
            logger.setLevel(level)
        logging.raiseExceptions = raises
        if warnings.showwarning is not warns:
            logging.captureWarnings(capture=False)
