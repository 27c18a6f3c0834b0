"""Trials an hour when several share one GPU, against one trial at a time.

Run it without arguments: ``python benchmarks/gpu_search.py`` (under ten minutes on one GPU). Two
whole searches of the same eight trials, each with Ray Tune, one Ray Train worker a trial, MLflow
and a champion: first four trials at once, a quarter of the GPU each, then one at a time. Each uses
its own study folder and both the same cache, filled before the clock starts. Ray's start and the
trials' own (processes that import torch) count. Without a GPU the same searches run on CPU cores,
two trials at once, at a toy size. The last line is JSON.
"""

import json
import logging
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from common import mined_pairs, random_roberta
from optuna import load_study
from rich.console import Console
from transformers.utils.logging import disable_progress_bar

from softnce.config.config import Config
from softnce.config.file import validated
from tune_spaces.search.search import search

HAS_GPU = torch.cuda.is_available()
AT_ONCE = 4 if HAS_GPU else 2
TRIALS = 8 if HAS_GPU else 4
LAYERS = {"num_hidden_layers": 6, "hidden_size": 384, "num_attention_heads": 12,
          "intermediate_size": 1536}  # fmt: skip
TOY = {"num_hidden_layers": 1, "hidden_size": 32, "num_attention_heads": 2,
       "intermediate_size": 64}  # fmt: skip
MOST_PAIRS = 20_000 if HAS_GPU else 1000


def settings(source: Path, model: Path, cache: Path, *, at_once: int) -> Config:
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
                      "precision": "bf16" if HAS_GPU else "fp32"},
            "search": {
                "confirm": "never",
                "trials": TRIALS,
                "asha": {"enabled": False},
                "always_try": "infonce",
                "n_startup_trials": TRIALS,
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
    """Run a search; return its seconds, those of its trials alone, and where its champion is."""
    began = time.perf_counter()
    study = search(config, source=out.name, out=out, console=Console(quiet=True))
    seconds = time.perf_counter() - began
    if study.exit_code or study.champion is None:
        raise SystemExit(f"the search in {out} did not end well: exit code {study.exit_code}")
    told = load_study(study_name=out.name, storage=f"sqlite:///{out / 'optuna.db'}").get_trials()
    ran = [t for t in told if t.datetime_start and t.datetime_complete and "key" in t.user_attrs]
    first = min(t.datetime_start for t in ran if t.datetime_start)
    last = max(t.datetime_complete for t in ran if t.datetime_complete)
    return seconds, (last - first).total_seconds(), out / "champion"


def main() -> None:
    logging.disable(logging.WARNING)
    disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        pairs, source = mined_pairs(scratch, most=MOST_PAIRS)
        texts = [text for pair in pairs.train for text in (pair.query, pair.code)]
        shape = LAYERS if HAS_GPU else TOY
        model = random_roberta(scratch / "model", texts, vocabulary=2000, **shape)
        name = torch.cuda.get_device_name() if HAS_GPU else "CPU, toy size: proves no speed"
        print(f"{name}: {TRIALS} trials of {len(pairs.train)} mined pairs")
        rates: dict[str, float] = {}
        for word, at_once in (("together", AT_ONCE), ("alone", 1)):
            config = settings(source, model, scratch / "cache", at_once=at_once)
            whole, trials, champion = timed(config, scratch / word)
            rates[word] = 3600 * TRIALS / trials
            print(
                f"{at_once} at once: {whole:.0f} s in all, {trials:.0f} s of trials, "
                f"{rates[word]:.0f} trials an hour; champion {sorted(champion.glob('*.json'))[:1]}"
            )
    ratio = round(rates["together"] / rates["alone"], 3)
    print(json.dumps({"trials_an_hour_ratio": ratio, **{k: round(v, 1) for k, v in rates.items()}}))


if __name__ == "__main__":
    main()
