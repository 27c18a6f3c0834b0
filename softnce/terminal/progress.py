"""A bar for work that turns out to take longer than two seconds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer

_PATIENCE_S = 2.0


@contextmanager
def late_progress(patience_s: float = _PATIENCE_S) -> Iterator[Callable[[str, int, int], None]]:
    """Give what tells of long work: the phase, how much is done, and of how much.

    A bar appears on standard error when patience is over, and only where that is a terminal.

    Args:
        patience_s: seconds without a bar.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from softnce.terminal.console import errors

    console = errors()
    if not console.is_terminal:
        yield _silent
        return
    text = TextColumn("{task.description}", markup=False)
    columns = (text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task("", total=None)
    timer = Timer(patience_s, bar.start)
    timer.daemon = True
    timer.start()

    def tell(phase: str, done: int, total: int) -> None:
        bar.update(task, description=phase, completed=done)
        bar.tasks[0].total = total if total > 1 else None  # a bar that moves, where none counts

    try:
        yield tell
    finally:
        timer.cancel()
        timer.join()
        bar.stop()


def _silent(_phase: str, _done: int, _total: int) -> None:
    """Tell nobody."""
