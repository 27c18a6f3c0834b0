"""What a person sees while a search runs: a live picture in a terminal, plain lines elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any, final

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from softnce.config.config import Config
from tune_spaces.study.trial_store import Proposal
from tune_spaces.trial_state import TrialState
from tune_spaces.tune.callbacks import Watcher, run_name

COLOURS = {
    TrialState.COMPLETE: "green",
    TrialState.PRUNED: "yellow",
    TrialState.FAILED: "red",
    TrialState.INTERRUPTED: "cyan",
}
_BLOCKS = "▁▂▃▄▅▆▇█"


@final
class Display(Watcher):
    """Follows the trials; use as a context manager around the search."""

    def __init__(
        self,
        console: Console,
        *,
        trials: int,
        done: int,
        epochs: int,
        best: float = 0.0,
        curves: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        """Prepare the picture.

        Args:
            console: where to draw.
            trials: how many shall end.
            done: how many have ended in a former search.
            epochs: of a whole trial.
            best: metric of the best trial of a former search.
            curves: metric of each epoch of a former search, by trial; those that go on count them.
        """
        self._console, self._epochs, self._best = console, epochs, best
        self._running: dict[str, list[float]] = {}
        self._curves = curves or {}
        self._names: dict[str, str] = {}
        self._leader = ""
        self._progress = Progress(
            TextColumn("[bold]trials"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._task = self._progress.add_task("trials", total=trials, completed=done)
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self._picture)

    def __enter__(self) -> "Display":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def started(self, proposal: Proposal, config: Config) -> None:
        """Show a trial that begins or goes on."""
        self._running[proposal.key] = list(self._curves.get(proposal.key, ()))
        self._names[proposal.key] = run_name(proposal.key, config)

    def reported(self, proposal: Proposal, result: Mapping[str, Any]) -> None:
        """Show an epoch's metric."""
        self._running.setdefault(proposal.key, []).append(result["objective"])

    def ended(
        self, proposal: Proposal, state: TrialState, value: float | None, reason: str
    ) -> None:
        """Print the trial's line and move the bar."""
        epochs = len(self._running.pop(proposal.key, []))
        name = self._names.pop(proposal.key, proposal.key)
        score = f"{value:.4f}" if value is not None and value == value else "-"
        if state != TrialState.INTERRUPTED:
            self._progress.advance(self._task)
        crown = ""
        if state == TrialState.COMPLETE and not reason and value and value > self._best:
            self._best, self._leader, crown = value, name, "  best so far"
        line = Text(f"{name:<38} {score:>7}  {epochs} epochs  ")
        line.append(state, COLOURS.get(state, ""))
        line.append(crown, "bold")
        self._console.print(line)
        if reason:
            self._console.print(Text(f"  {reason}", "red"))

    def _picture(self) -> Group:
        lines = [Text(self._line(key, values)) for key, values in list(self._running.items())]
        best = Text(f"best {self._best:.4f}  {self._leader}" if self._leader else "")
        return Group(*lines, self._progress, best)

    def _line(self, key: str, values: Sequence[float]) -> str:
        name = self._names.get(key, key)
        last = f"{values[-1]:.4f}" if values else "starting"
        return f"  {name:<36} {last:>9}  epoch {len(values)}/{self._epochs}  {sparkline(values)}"


def sparkline(values: Sequence[float]) -> str:
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


def headline(config: Config, name: str) -> str:
    """Say in one line what a search is about to do."""
    model = config.encoder.model or config.encoder.kind
    return (
        f"study {name}: {config.search.trials} trials of up to {config.optim.epochs} epochs, "
        f"encoder {model}"
    )
