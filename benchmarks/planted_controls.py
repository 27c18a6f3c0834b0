"""Two made corpora whose winner is known: clones, and functions that are hard but truly negative.

Run it without arguments: ``python benchmarks/planted_controls.py`` (ten minutes on two cores).
In the first corpus every function has clones, each with a query of its own, which differ in words
that mean nothing; to push clones apart, as InfoNCE does, is to learn those words, so that masking
or promoting known duplicates must win. In the second corpus every function has siblings that
differ in one word that does mean something; they are what a search must tell apart, so that
hardening must win, and relieving must lose. Each loss, InfoNCE among them, is tried at every
temperature; the best one on half of the seeds is compared on the other half, seed by seed.

The last line is JSON: of each loss the gain in MRR over InfoNCE, its t value over the seeds, and
its relief.
"""

import itertools
import json
import logging
import math
import os
import random
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch

from softnce.config.config import Config
from softnce.config.file import validated, with_overrides
from softnce.data.pairs import read_pairs
from softnce.inputs.prepare import prepare
from softnce.inputs.prepared import Prepared
from softnce.training.loop import epochs

SEEDS = tuple(range(1, 13))
LOSSES: dict[str, dict[str, Any]] = {
    "infonce": {"loss/name": "infonce"},
    "mask": {"loss/name": "infonce", "loss/duplicates": "mask"},
    "promote": {"loss/name": "infonce", "loss/duplicates": "promote"},
    "harden": {"loss/name": "tilted", "loss/tilt": 0.3},
    "relieve": {"loss/name": "tilted", "loss/tilt": -0.3},
}


@dataclass(frozen=True, slots=True)
class Control:
    """A made corpus, how it is trained on, and which losses are compared with InfoNCE."""

    made: Callable[[random.Random], dict[str, list["Row"]]]
    optim: Mapping[str, float]
    temperatures: Sequence[float]
    losses: Sequence[str]


Row = dict[str, str]
_Found = dict[str, dict[float, list[tuple[float, float]]]]  # MRR and relief by loss and temperature


def word(kind: int, number: int) -> str:
    """Spell a number as a word; a query and a code have different words for one thing."""
    digits = str(10 * number + kind)
    return "".join("bcdfghklmn"[int(one)] + "aeiou"[int(one) % 5] for one in digits)


def row(things: Sequence[int], marks: Sequence[str], name: str) -> Row:
    """Make a pair about some things; its marks stand on both sides and mean nothing."""
    asked, answered = ([word(side, one) for one in things] for side in (1, 2))
    query = " ".join([asked[0], "the", *asked[1:], "with", *marks])
    first, *rest = answered
    lines = [f"{thing}_{n} = {first}(self.{thing}, {n})" for n in range(9) for thing in rest]
    body = "\n    ".join([*lines, f"note = [{', '.join(marks[:4])}]"])
    code = f"def {first}({', '.join(rest)}):\n    {body}\n    return {first}"
    return {"query": query, "code": code, "url": name}


def marks(draw: random.Random, count: int) -> list[str]:
    """Draw words that mean nothing."""
    return [word(3, draw.randrange(100, 500)) for _ in range(count)]


def clones(draw: random.Random) -> dict[str, list[Row]]:
    """Make groups of clones, which marks alone tell apart; held-out queries have other marks.

    A clone repeats a function of its group but for a few letters, which no search can know.
    """
    parts: dict[str, list[Row]] = {"train": [], "valid": []}
    for group in range(40):
        things = [100 + draw.randrange(20), 200 + draw.randrange(20), 300 + draw.randrange(20)]
        for number in range(40):
            parts["train"].append(row(things, marks(draw, 12), f"train/{group}/{number}"))
        held = row(things, marks(draw, 12), f"valid/{group}")
        for _ in range(10):
            parts["valid"].append(held | {"query": row(things, marks(draw, 80), "")["query"]})
    return parts


def siblings(draw: random.Random) -> dict[str, list[Row]]:
    """Make families whose members differ in one thing alone; held out are other queries of each."""
    parts: dict[str, list[Row]] = {"train": [], "valid": []}
    for family in range(200):
        shared = [200 + draw.randrange(60), 300 + draw.randrange(60), 400 + draw.randrange(60)]
        for verb in draw.sample(range(100, 140), 8):
            things = [verb, *shared]
            parts["train"].append(row(things, marks(draw, 12), f"train/{family}/{verb}"))
            held = row(things, marks(draw, 12), f"valid/{family}/{verb}")
            parts["valid"].append(held | {"query": row(things, marks(draw, 12), "")["query"]})
    return parts


CONTROLS = {
    "clones": Control(
        clones,
        {"batch_size": 400, "epochs": 10, "learning_rate": 0.02},
        (0.05, 0.1, 0.2),
        ("mask", "promote"),
    ),
    "siblings": Control(
        siblings,
        {"batch_size": 32, "epochs": 3, "learning_rate": 0.01},
        (0.05, 0.1, 0.2),
        ("harden", "relieve"),
    ),
}


def written(parts: Mapping[str, list[Row]], folder: Path) -> Path:
    """Write a set; candidates are the functions of both held-out splits."""
    folder.mkdir()
    draw = random.Random(0)
    for part, rows in {**parts, "codebase": parts["valid"]}.items():
        shuffled = draw.sample(rows, len(rows))
        text = "\n".join(json.dumps(one) for one in shuffled)
        (folder / f"{part}.jsonl").write_text(text, encoding="utf-8")
    return folder


def trained(config: Config, prepared: Prepared, folder: Path) -> tuple[float, float]:
    """Train; return the last epoch's MRR and relief."""
    *_, last = epochs(config, prepared, folder)
    return last["mrr"], last["relief"]


def measured(name: str, control: Control, scratch: Path) -> dict[str, Any]:
    """Train every loss at every temperature and seed; compare each with InfoNCE, both tuned."""
    source = written(control.made(random.Random(7)), scratch / name)
    base = validated(
        {
            "data": {"path": str(source)},
            "encoder": {"dimensions": 16, "vocabulary": 3000},
            "optim": dict(control.optim),
        }
    )
    pairs = read_pairs(source)
    prepared = prepare(base, pairs, scratch / "cache", tell=lambda _: None, models=["duplicates"])
    found: _Found = {}
    runs = itertools.product(("infonce", *control.losses), control.temperatures, SEEDS)
    for number, (loss, temperature, seed) in enumerate(runs):
        changes = {**LOSSES[loss], "loss/temperature": temperature, "optim/seed": seed}
        one = trained(with_overrides(base, changes), prepared, scratch / f"{name}-{number}")
        found.setdefault(loss, {}).setdefault(temperature, []).append(one)
    return _compared(name, found)


def _compared(name: str, found: _Found) -> dict[str, Any]:
    """Choose temperatures by the first half of the seeds, and compare on the other half."""
    half = len(SEEDS) // 2
    ratios: dict[str, Any] = {}
    best = {
        loss: max(by, key=lambda one: statistics.fmean(mrr for mrr, _ in by[one][:half]))
        for loss, by in found.items()
    }
    plain = [mrr for mrr, _ in found["infonce"][best["infonce"]]][half:]
    print(f"\n{name}: InfoNCE {statistics.fmean(plain):.4f} at {best['infonce']:g}")
    for loss, by in found.items():
        if loss == "infonce":
            continue
        own = by[best[loss]][half:]
        gains = [mrr - other for (mrr, _), other in zip(own, plain, strict=True)]
        gain, relief = statistics.fmean(gains), statistics.fmean(one for _, one in own)
        error = statistics.stdev(gains) / math.sqrt(len(gains))
        t = gain / error if error > 0 else math.copysign(math.inf, gain)
        print(f"{loss:10} {gain:+.4f} (t {t:+.1f}) at {best[loss]:g}, relief {relief:+.3f}")
        told = {"gain": gain, "t": t, "relief": relief}
        ratios |= {f"{name}_{loss}_{key}": round(value, 4) for key, value in told.items()}
    return ratios


def main() -> None:
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    ratios: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, control in CONTROLS.items():
            ratios |= measured(name, control, Path(folder))
    print(json.dumps(ratios))


if __name__ == "__main__":
    main()
