"""How long a trial under Ray Train takes to start, and where the time goes.

Run it without arguments: ``python benchmarks/trial_start.py`` (under ten minutes on two cores). Two
studies of three trials, with one and with two workers per trial, train an epoch of two steps each.
From outside the search a thread looks every 30 ms which processes there are; the trials' logs and
Optuna's storage tell the rest. The time line of a start, in seconds after the trial was proposed:

- ``owner``: the process that owns the trial begins (Python, Ray, Ray Tune).
- ``workers``: the last worker's process begins; before that the owner has imported Ray Train, whose
  controller runs in its process, and the resources are reserved.
- ``function``: the training function begins; before that the workers have imported Ray and torch
  and have joined their process group.
- ``first step``: the first epoch, of two steps, is done.

``first`` is the study's first trial, ``later`` the mean of those after it. The last line is JSON.
"""

import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import optuna
import psutil
from rich.console import Console

from softnce.config.file import validated
from tune_spaces.search.search import search

TITLES = {
    "owner": "TrainTrial",
    "workers": "RayTrainWorker",
}
MARKS = (*TITLES, "function", "first step")
TRIALS = 3


class Watch:
    """Notes when each process that a search starts was created."""

    def __init__(self) -> None:
        self.created: dict[str, list[float]] = {name: [] for name in TITLES}
        self._known: set[tuple[int, str]] = set()
        self._ended = threading.Event()

    @contextmanager
    def looking(self) -> Iterator["Watch"]:
        """Look while the block runs."""
        thread = threading.Thread(target=self._look_on, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            thread.join()

    def _look_on(self) -> None:
        own = psutil.Process()
        while not self._ended.wait(0.03):
            for process in own.children(recursive=True):
                try:
                    self._note(process, " ".join(process.cmdline()[:1]))
                except psutil.Error:
                    continue

    def _note(self, process: psutil.Process, title: str) -> None:
        for name, word in TITLES.items():
            if word in title and (process.pid, name) not in self._known:
                self._known.add((process.pid, name))
                self.created[name].append(process.create_time())


def pairs(folder: Path) -> Path:
    """Write 64 small pairs."""
    rows = [
        {"query": f"Read item {n} of the list.", "code": f"def read_{n}(items): return items[{n}]"}
        for n in range(64)
    ]
    path = folder / "pairs.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def study(folder: Path, workers: int) -> tuple[Path, Watch]:
    """Run a study, and return its folder and what was seen of it."""
    config = validated(
        {
            "data": {"path": str(pairs(folder))},
            "encoder": {"vocabulary": 300, "dimensions": 16},
            "loss": {"name": "infonce"},
            "optim": {"epochs": 1, "batch_size": 16, "max_steps": 2},
            "search": {
                "confirm": "never",
                "trials": TRIALS,
                "always_try": "infonce",
                "space": {"optim/learning_rate": {"real": [0.003, 0.03], "log": True}},
                "asha": {"enabled": False},
            },
            "resources": {"workers": workers, "executor": "train", "max_concurrent": 1},
        }
    )
    out = folder / f"start{workers}"
    with Watch().looking() as watch:
        search(config, source="start", out=out, console=Console(quiet=True))
    return out, watch


def time_of(line: str) -> float:
    """Return when a line was logged."""
    return datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").astimezone().timestamp()


def time_lines(out: Path, watch: Watch) -> list[Mapping[str, float]]:
    """Return for each trial the seconds from its proposal to each mark."""
    storage = f"sqlite:///{out / 'optuna.db'}"
    trials = optuna.load_study(study_name="start", storage=storage).get_trials()
    asked = {
        one.user_attrs["key"]: one.datetime_start.astimezone().timestamp()
        for one in trials
        if "key" in one.user_attrs and "repeats" not in one.user_attrs and one.datetime_start
    }
    lines: list[Mapping[str, float]] = []
    for key, began in sorted(asked.items()):
        log = (out / "trials" / key / "trial.log").read_text().splitlines()
        done = next((time_of(line) for line in log if "epoch 1: loss" in line), None)
        if done is None:
            raise SystemExit(f"{key} trained no epoch:\n" + "\n".join(log[-30:]))
        marks = {"function": time_of(log[0]), "first step": done}
        for name, created in watch.created.items():
            marks[name] = max((at for at in created if at < done), default=began)
        lines.append({name: marks[name] - began for name in MARKS})
    return lines


def mean(lines: list[Mapping[str, float]]) -> dict[str, float]:
    return {name: round(statistics.mean(one[name] for one in lines), 2) for name in MARKS}


def main() -> None:
    began, found = time.perf_counter(), {}
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'':>18}" + "".join(f"{name:>12}" for name in MARKS))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        for workers in (1, 2):
            lines = time_lines(*study(Path(scratch), workers))
            for name, part in {"first": lines[:1], "later": lines[1:]}.items():
                found[f"{workers} {name}"] = row = mean(part)
                shown = "".join(f"{row[mark]:12.2f}" for mark in MARKS)
                print(f"{workers} workers, {name:>6}" + shown)
    print(f"all in {time.perf_counter() - began:.0f} s, load {os.getloadavg()[0]:.1f}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
