"""Trials an hour when several share one GPU, against one trial at a time.

Run ``python benchmarks/gpu_prepare.py FOLDER`` on any machine, then ``python
benchmarks/gpu_search.py FOLDER [SET]`` on one with a GPU (three minutes); SET is the folder of
pairs, ``mined`` unless given. Two searches, each with Ray Tune, one Ray Train worker per trial,
MLflow and a champion: first eight trials, four at once, a quarter of the GPU each, then two of
them one at a time. Each uses its own study folder and both the same cache, filled before the clock
starts. The trials' own start (processes that import torch) counts, Ray's does not. Without a GPU
the same searches run on CPU cores, two trials at once, at a toy size.
"""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from common import random_roberta, silent
from gpu_runs import keep, say
from optuna import load_study
from rich.console import Console

from softnce.config.config import Config
from softnce.config.file import validated
from tune_spaces.search.search import search

HAS_GPU = torch.cuda.is_available()
AT_ONCE = 4 if HAS_GPU else 2
TRIALS, ALONE = (8, 2) if HAS_GPU else (3, 2)
LAYERS = {"num_hidden_layers": 6, "hidden_size": 384, "num_attention_heads": 12,
          "intermediate_size": 1536}  # fmt: skip
TOY = {"num_hidden_layers": 1, "hidden_size": 32, "num_attention_heads": 2,
       "intermediate_size": 64}  # fmt: skip


def settings(source: Path, model: Path, cache: Path, *, at_once: int, trials: int) -> Config:
    """Return a search over loss parameters in which every trial trains to its end."""
    resources: dict[str, Any] = {
        "executor": "train",
        "max_concurrent": at_once,
        "cache": str(cache),
    }
    if HAS_GPU:
        resources["gpus_per_worker"] = 1 / at_once
    return validated(
        {
            "data": {"path": str(source)},
            "encoder": {"kind": "transformer", "model": str(model), "max_length": 128},
            "loss": {"name": "soft-infonce"},
            "weights": {"estimator": "bm25"},
            "optim": {"epochs": 2, "batch_size": 128 if HAS_GPU else 32, "learning_rate": 1e-4,
                      "precision": "bf16" if HAS_GPU else "fp32", "cuda_graphs": "auto"},
            "search": {
                "confirm": "never",
                "trials": trials,
                "asha": {"enabled": False},
                "always_try": "infonce",
                "n_startup_trials": trials,
                "space": {
                    "weights/alpha": {"real": [0.2, 1.9]},
                    "weights/beta": {"tie": "2 - weights/alpha"},
                    "weights/temperature": {"real": [0.05, 5], "log": True},
                },
            },
            "resources": resources,
        }
    )  # fmt: skip


def timed(config: Config, out: Path) -> tuple[float, float, Path]:
    """Run a search; return its seconds, the trials an hour, and where its champion is."""
    began = time.perf_counter()
    study = search(config, source=out.name, out=out, console=Console(quiet=True))
    seconds = time.perf_counter() - began
    told = load_study(study_name=out.name, storage=f"sqlite:///{out / 'optuna.db'}").get_trials()
    ran = [t for t in told if t.datetime_start and t.datetime_complete and "key" in t.user_attrs]
    for one in ran:
        spent = one.duration.total_seconds() if one.duration else 0.0
        say(f"  {one.state.name}, {one.value}, {spent:.1f} s")
    first = min(t.datetime_start for t in ran if t.datetime_start)
    last = max(t.datetime_complete for t in ran if t.datetime_complete)
    hours = (last - first).total_seconds() / 3600
    if study.exit_code or study.champion is None:
        raise SystemExit(f"the search in {out} did not end well: exit code {study.exit_code}")
    return seconds, len(ran) / hours, out / "champion"


def main() -> None:
    silent()
    folder = Path(sys.argv[1])
    source = folder / (sys.argv[2] if len(sys.argv) > 2 else "mined")
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        shutil.copytree(folder / "small", scratch / "model")
        model = random_roberta(scratch / "model", **(LAYERS if HAS_GPU else TOY))
        say(torch.cuda.get_device_name() if HAS_GPU else "CPU, toy size: proves no speed")
        rates = []
        for at_once, trials in ((AT_ONCE, TRIALS), (1, ALONE)):
            config = settings(source, model, scratch / "cache", at_once=at_once, trials=trials)
            whole, rate, champion = timed(config, scratch / f"at-once-{at_once}")
            rates.append(rate)
            say(
                f"{trials} trials, {at_once} at once: {whole:.0f} s in all, {rate:.0f} trials an "
                f"hour; the champion has {len(list(champion.iterdir()))} files"
            )
            keep({"at_once": at_once, "trials": trials, "seconds": whole, "an_hour": rate})
    say(f"together {rates[0] / rates[1]:.2f} times the trials an hour")


if __name__ == "__main__":
    main()
