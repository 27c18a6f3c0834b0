"""What a person sees while a search runs: a live picture in a terminal, plain lines elsewhere."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from rich.console import Console
from rich.text import Text

from softnce.config.config import Config
from softnce.losses.table import BASELINE
from softnce.terminal.running import RunningPicture, duration
from tune_spaces.study.trial_store import Proposal
from tune_spaces.trial_state import TrialState
from tune_spaces.tune.callbacks import Watcher, run_name

COLOURS = {
    TrialState.COMPLETE: "green",
    TrialState.PRUNED: "yellow",
    TrialState.FAILED: "red",
    TrialState.INTERRUPTED: "cyan",
}
_NAME = 31  # columns of a trial's name in its line: with the rest of it 80 at most


@dataclass(frozen=True, slots=True)
class Leader:
    """The best trial of a kind so far: its name and its metric."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Former:
    """What former searches of a study have left.

    Attributes:
        done: trials that have ended.
        best: the best trial; None before one has completed.
        infonce: the best one of InfoNCE; likewise.
        curves: metric of each epoch, by trial; those that go on count them.
    """

    done: int = 0
    best: Leader | None = None
    infonce: Leader | None = None
    curves: Mapping[str, Sequence[float]] | None = None


@final
class Display(Watcher):
    """Follows the trials; use as a context manager around the search."""

    def __init__(
        self,
        console: Console,
        *,
        trials: int,
        epochs: int,
        former: Former | None = None,
        folder_of: Callable[[str], Path] | None = None,
    ) -> None:
        """Prepare the picture.

        Args:
            console: where to draw.
            trials: how many shall end.
            epochs: of a whole trial.
            former: what former searches have left.
            folder_of: of a trial, by its key; there its worker tells of its steps.
        """
        former = former or Former()
        self._console, self._folder_of = console, folder_of
        self._best, self._infonce = former.best, former.infonce
        self._curves = former.curves or {}
        self._names: dict[str, str] = {}
        self._plain: set[str] = set()
        self._picture = RunningPicture(
            console,
            "trials",
            total=trials,
            done=former.done,
            epochs=epochs,
            last_line=self._leaders,
        )

    def __enter__(self) -> "Display":
        self._picture.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._picture.__exit__()

    def started(self, proposal: Proposal, config: Config) -> None:
        """Show a trial that begins or goes on."""
        key = proposal.key
        name = self._names[key] = run_name(key, config)
        if config.loss.name == BASELINE:
            self._plain.add(key)
        folder = None if self._folder_of is None else self._folder_of(key)
        self._picture.begin(key, name, folder, list(self._curves.get(key, ())))

    def reported(self, proposal: Proposal, result: Mapping[str, Any]) -> None:
        """Show an epoch's metric."""
        self._picture.tell(proposal.key, result["objective"])

    def ended(
        self, proposal: Proposal, state: TrialState, value: float | None, reason: str
    ) -> None:
        """Print the trial's line and move the bar."""
        key = proposal.key
        epochs, seconds = self._picture.end(key, counts=state != TrialState.INTERRUPTED)
        name = self._names.pop(key, key)
        score = f"{value:.4f}" if value is not None and value == value else "-"
        is_crowned = state == TrialState.COMPLETE and not reason and self._leads(key, name, value)
        shown = name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
        counted = f"{epochs} epoch{' ' if epochs == 1 else 's'}"
        line = Text(f"{shown:<{_NAME}} {score:>6}  {counted}  {duration(seconds):>6}  ")
        line.append(state, COLOURS.get(state, ""))
        line.append("  best so far" if is_crowned else "", "bold")
        self._console.print(line, soft_wrap=True)
        if reason:
            self._console.print(Text(f"  {reason}", "red"))

    def _leads(self, key: str, name: str, value: float | None) -> bool:
        """Remember a trial that is the best so far, of all or of InfoNCE; tell whether of all."""
        if not value or value != value:
            return False
        if key in self._plain and (self._infonce is None or value > self._infonce.value):
            self._infonce = Leader(name, value)
        if self._best is not None and value <= self._best.value:
            return False
        self._best = Leader(name, value)
        return True

    def _leaders(self) -> str:
        return leaders(self._best, self._infonce)


def leaders(best: Leader | None, infonce: Leader | None) -> str:
    """Say what is best so far, and beside it the best InfoNCE; nothing where nothing is known.

    Args:
        best: of all trials.
        infonce: of those with InfoNCE.

    >>> leaders(Leader("t0007-bm25", 0.5), Leader("t0000-infonce", 0.4))
    'best 0.5000 t0007-bm25; InfoNCE 0.4000 t0000-infonce'
    """
    if best is None:
        return ""
    if infonce is None:
        return f"best {best.value:.4f} {best.name}; no InfoNCE yet"
    if infonce.name == best.name:
        return f"best {best.value:.4f} {best.name}, which is InfoNCE"
    return f"best {best.value:.4f} {best.name}; InfoNCE {infonce.value:.4f} {infonce.name}"


def headline(config: Config, name: str, former: Former | None = None) -> str:
    """Say in one line what a search is about to do; of one that goes on, what it has."""
    plan = (
        f"study {name}: {config.search.trials} trials of up to {config.optim.epochs} epochs, "
        f"encoder {config.encoder_told}"
    )
    if former is None or not former.done:
        return plan
    known = leaders(former.best, former.infonce)
    told = f"; {known}" if known else ""
    return f"{plan}; {former.done} of {config.search.trials} done{told}"
