"""Searches as processes of their own, to be hit by real faults."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import psutil

SOFTNCE = [sys.executable, "-c", "from softnce.__main__ import main; main()"]


def begun(
    config: Path, out: Path, *words: str, environment: Mapping[str, str] | None = None
) -> subprocess.Popen:
    """Start a search in a process group of its own, as a terminal does."""
    return subprocess.Popen(
        [*SOFTNCE, "search", str(config), "--out", str(out), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=config.parent,
        start_new_session=True,
        env={**os.environ, **(environment or {})},
    )


def softnce(
    *words: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess:
    """Run any verb to its end."""
    return subprocess.run(
        [*SOFTNCE, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
    )


def wait_for_one(look: Callable[[], Any], search: subprocess.Popen, timeout_s: float = 600) -> Any:
    """Wait until a look at a living search finds something, and return that."""
    until = time.monotonic() + timeout_s
    while not (found := look()):
        if search.poll() is not None or time.monotonic() > until:
            said = search.stdout.read() if search.poll() is not None else "(it still runs)"
            raise AssertionError(f"what was waited for has not come: {said}")
        time.sleep(0.01)
    return found


def in_mid_epoch(out: Path, search: subprocess.Popen, *, more: int = 2) -> str:
    """Wait until a search has done some more epochs, and return the trial that it is in."""
    new: set[Path] = set()
    for _ in range(more):
        seen = set(out.glob("trials/*/epoch-*"))
        new = wait_for_one(partial(new_epochs, out, seen), search)
    return max(path.parent.name for path in new)


def new_epochs(out: Path, seen: set[Path]) -> set[Path]:
    """Return the checkpoints that were not there before."""
    return set(out.glob("trials/*/epoch-*")) - seen


def family(search: subprocess.Popen) -> list[psutil.Process]:
    """Return all processes that a search has started."""
    return psutil.Process(search.pid).children(recursive=True)


def members(search: subprocess.Popen, title: str) -> list[psutil.Process]:
    """Return the processes of a search whose title holds a word: ray::InlineTrial."""
    return [one for one in family(search) if title in _title(one)]


def _title(process: psutil.Process) -> str:
    """Return what a process is called; one that has just ended has no name."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # a zombie too
        return ""


def survivors(processes: Sequence[psutil.Process], *, within_s: float = 300) -> list[str]:
    """Return the titles of the processes that are still there after a while.

    Ray's agents look every few seconds, several times, whether their raylet lives.
    """
    until = time.monotonic() + within_s
    while (alive := [one for one in processes if _is_alive(one)]) and time.monotonic() < until:
        time.sleep(0.1)
    return [_title(one)[:80] for one in alive]


def _is_alive(process: psutil.Process) -> bool:
    """Tell whether a process can still do anything; the first process may be slow to reap it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ended(search: subprocess.Popen, *, timeout_s: float = 900) -> tuple[int, str]:
    """Wait for a search to end, and return its exit code and what it said."""
    said, _ = search.communicate(timeout=timeout_s)
    return search.returncode, said


def trials_of(out: Path, name: str) -> list[optuna.trial.FrozenTrial]:
    """Return a study's trials as Optuna's own storage tells them, repeats and blanks left out."""
    study = optuna.load_study(study_name=name, storage=f"sqlite:///{out / 'optuna.db'}")
    return [
        one
        for one in study.get_trials()
        if "key" in one.user_attrs and "repeats" not in one.user_attrs
    ]


def outcomes(out: Path, name: str) -> dict[str, tuple[str, float | None]]:
    """Return state and value of each trial by its key."""
    return {one.user_attrs["key"]: (one.state.name, one.value) for one in trials_of(out, name)}
