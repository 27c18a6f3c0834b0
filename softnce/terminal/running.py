"""What runs, drawn while it runs: a line a run with its steps, a bar, the time that is left."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from softnce.step_progress import StepsDone, steps_done

_WIDE = 96  # columns, from which there is room for sparklines
_LOOK_EVERY_S = 1.0
_LEAST_DONE = 0.02  # share of the work, below which the time left cannot be told


@dataclass
class _Run:
    """One run that is going on."""

    name: str
    folder: Path | None
    values: list[float]
    began: float = field(default_factory=time.monotonic)
    known: StepsDone | None = None
    looked: float = 0.0

    def where(self) -> StepsDone | None:
        """Look at the run's steps, once a second at most."""
        now = time.monotonic()
        if self.folder is not None and now - self.looked > _LOOK_EVERY_S:
            self.looked, self.known = now, steps_done(self.folder)
        return self.known


@final
class RunningPicture:
    """Draws the runs of one phase in a terminal, and nothing elsewhere; a context manager."""

    def __init__(
        self,
        console: Console,
        label: str,
        *,
        total: int,
        done: int,
        epochs: int,
        last_line: Callable[[], str] = str,
    ) -> None:
        """Prepare the picture.

        Args:
            console: where to draw.
            label: what is counted, as "trials".
            total: how many shall end.
            done: how many have ended before.
            epochs: of a whole run.
            last_line: what is known so far, in a line.
        """
        self._console, self._label, self._epochs = console, label, epochs
        self._total, self._done, self._done_before = total, done, done
        self._last_line = last_line
        self._runs: dict[str, _Run] = {}
        self._began = time.monotonic()
        self._live = Live(
            console=console, refresh_per_second=4, get_renderable=self.picture, transient=True
        )

    def __enter__(self) -> "RunningPicture":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def begin(
        self, key: str, name: str, folder: Path | None = None, values: list[float] | None = None
    ) -> None:
        """Show a run.

        Args:
            key: names it.
            name: as it is shown.
            folder: where its worker tells of its steps; None: it does not.
            values: of the epochs that it has done before.
        """
        self._runs[key] = _Run(name, folder, list(values or ()))

    def tell(self, key: str, value: float) -> None:
        """Show the metric of an epoch that has ended."""
        if key in self._runs:
            self._runs[key].values.append(value)

    def end(self, key: str, *, counts: bool = True) -> tuple[int, float]:
        """Take a run away, and return its epochs and its seconds.

        Args:
            key: names it.
            counts: whether it has ended; else it was interrupted.
        """
        run = self._runs.pop(key, None)
        self._done += counts
        return (0, 0.0) if run is None else (len(run.values), time.monotonic() - run.began)

    def picture(self) -> Group:
        """Return what is drawn now."""
        runs = Table.grid(padding=(0, 1), expand=False)
        runs.add_column(no_wrap=True, overflow="ellipsis", max_width=34)
        for _ in range(4):
            runs.add_column(no_wrap=True)
        for run in list(self._runs.values()):
            runs.add_row(*self._cells(run))
        lines: list[Table | Text] = [runs] if self._runs else [Text("waiting for the first one")]
        lines.append(self._bar())
        if said := self._last_line():
            lines.append(Text(said, no_wrap=True, overflow="ellipsis"))
        return Group(*lines)

    def _cells(self, run: _Run) -> list[str]:
        last = f"{run.values[-1]:.4f}" if run.values else "-"
        done, where = len(run.values), run.where()
        epoch = f"epoch {min(done + 1, self._epochs)}/{self._epochs}"
        if where is None or where.epoch <= done:
            waited = time.monotonic() - run.began
            phase = "starting" if not done else "between epochs"
            phase = f"{phase} {duration(waited)}" if not done else phase
        elif where.step >= where.steps:
            phase = "validating"
        else:
            phase = f"step {where.step:,}/{where.steps:,}"
        curve = sparkline(run.values) if self._console.width >= _WIDE else ""
        return [f"  {run.name}", last, epoch, phase, curve]

    def _bar(self) -> Table:
        elapsed, left = time.monotonic() - self._began, self._seconds_left()
        told = "time left unknown yet" if left is None else f"about {duration(left)} left"
        line = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=max(self._total, 1), completed=self._done, width=20)
        line.add_row(
            Text(f"{self._label} {self._done} of {self._total}", "bold"),
            bar,
            Text(f"{duration(elapsed)} so far, {told}"),
        )
        return line

    def _seconds_left(self) -> float | None:
        """Return the time that is left, from what this process has done so far."""
        parts = sum(self._share(run) for run in list(self._runs.values()))
        done = self._done - self._done_before + parts
        left = self._total - self._done - parts
        if left <= 0:
            return 0.0
        if done < _LEAST_DONE * self._total:
            return None
        return (time.monotonic() - self._began) / done * left

    def _share(self, run: _Run) -> float:
        """Return which share of a whole run has been done."""
        where, done = run.where(), len(run.values)
        inside = 0.0
        if where is not None and where.epoch > done and where.steps:
            inside = where.step / where.steps
        return min(1.0, (done + inside) / max(self._epochs, 1))


_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: list[float]) -> str:
    """Draw values as a line of blocks, lowest to highest.

    >>> sparkline([0.1, 0.2, 0.3])
    '▁▅█'
    """
    if not values:
        return ""
    low, high = min(values), max(values)
    width = (high - low) or 1.0
    steps = len(_BLOCKS) - 1
    return "".join(_BLOCKS[int((value - low) / width * steps + 0.5)] for value in values)


def duration(seconds: float) -> str:
    """Say how long something takes, in at most six characters.

    >>> duration(8.0), duration(75.0), duration(3700.0), duration(2e5)
    ('8s', '1m15s', '1h01m', '2d07h')
    """
    whole = round(seconds)
    for unit, lower, size in (("d", "h", 86_400), ("h", "m", 3_600), ("m", "s", 60)):
        if whole >= size:
            rest = whole % size * {"h": 24, "m": 60, "s": 60}[lower] // size
            return f"{whole // size}{unit}{rest:02d}{lower}"
    return f"{whole}s"
