"""What LoRA takes of a machine beside all weights: seconds, memory, parameters that train.

Run it without arguments: ``python benchmarks/lora.py`` (a few minutes on two quiet cores). The
real MiniLM, and a RoBERTa of CodeBERT's size with random weights, train with InfoNCE on real
pairs on one CPU core, in fp32, each way once in a process of its own. Times are processor seconds
per step, which other work on the machine changes least. The page on encoders tells the memory of
the steps: how much more the process holds at most after them than before the first. The last line
is JSON.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from common import byte_pair_tokenizer, minilm, real_pairs, silent

if TYPE_CHECKING:
    from softnce.config.config import Config

WAYS: dict[str, dict[str, Any]] = {
    "all weights": {},
    "LoRA, rank 16": {"rank": 16},
    "LoRA, rank 16, query+value": {"rank": 16, "targets": "query+value"},
}
BATCHES = {"MiniLM": (16, 64), "125M": (4, 32)}  # pairs, tokens of a text at most
ROUNDS, STEPS, WARM_UP, PAIRS = 1, 3, 1, 600


def codebert_sized(folder: Path, texts: list[str]) -> Path:
    """Write random weights of CodeBERT's size, with a tokenizer of the texts."""
    from transformers import AutoModel, RobertaConfig

    folder.mkdir(exist_ok=True)
    byte_pair_tokenizer(folder, texts, vocabulary=8000)
    if not (folder / "config.json").exists():
        torch.manual_seed(0)
        config = RobertaConfig(vocab_size=51_416, max_position_embeddings=514, type_vocab_size=1)
        AutoModel.from_config(config).save_pretrained(folder)
    return folder


def configured(data: Path, model: Path, lora: dict[str, Any], size: tuple[int, int]) -> "Config":
    from softnce.config.file import validated

    return validated(
        {
            "data": {"path": str(data)},
            "encoder": {
                "kind": "transformer", "model": str(model), "pooling": "mean", "lora": lora,
                "max_length": size[1],
            },
            "loss": {"name": "infonce"},
            "optim": {"batch_size": size[0], "max_steps": STEPS + WARM_UP, "learning_rate": 1e-4},
        }
    )  # fmt: skip


def measured(
    scratch: Path, model: Path, lora: dict[str, Any], size: tuple[int, int]
) -> dict[str, float]:
    """Train a few steps in this process."""
    from softnce.inputs.prepare import prepare
    from softnce.training import loop
    from softnce.training.gather import Workers

    silent()
    torch.set_num_threads(1)
    pairs, data = real_pairs(scratch, most=PAIRS)
    config = configured(data, model, lora, size)
    prepared = prepare(config, pairs, scratch / "cache", tell=lambda _: None)
    run = loop._started(config, prepared, scratch / "run", Workers(), torch.device("cpu"))
    texts, objective, batches = loop.texts_of(prepared), loop._objective(run), loop.loader_of(run)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for batch in batches.prefetched(batches.drawn(1), epoch=1):
        began = time.process_time()
        outcome = loop._step(run, objective, texts, batch)
        seconds.append(time.process_time() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    state = run.optimizer.state_dict()["state"].values()
    held = sum(one.numel() for own in state for one in own.values())
    stored = sum(one.numel() for one in run.encoder.trained_weights().values())
    return {
        "cpu seconds per step": statistics.median(seconds[WARM_UP:]),
        "trained parameters": sum(one.numel() for one in run.encoder.trained),
        "parameters": run.encoder.size,
        "most memory MB": peak / 1e3,
        "of it by the steps MB": (peak - before) / 1e3,
        "checkpoint MB": 4 * (held + stored) / 1e6,
        "loss": float(outcome.loss),
    }


def main() -> None:
    if len(sys.argv) > 1:
        place, weights, way, name = sys.argv[1:]
        print(json.dumps(measured(Path(place), Path(weights), WAYS[way], BATCHES[name])))
        return
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        pairs, _ = real_pairs(scratch, most=PAIRS)
        texts = [text for pair in pairs.train[:2000] for text in (pair.query, pair.code)]
        places = dict(
            zip(BATCHES, (minilm(), codebert_sized(scratch / "model", texts)), strict=True)
        )
        for model, way in [(one, way) for _ in range(ROUNDS) for one in BATCHES for way in WAYS]:
            command = [sys.executable, __file__, folder, str(places[model]), way, model]
            ended = subprocess.run(command, check=True, capture_output=True, text=True)
            one = json.loads(ended.stdout.splitlines()[-1])
            found.setdefault(model, {}).setdefault(way, []).append(one)
            print(model, way, one, flush=True)
    best = {
        model: {way: {name: min(one[name] for one in all_of) for name in all_of[0]}
                for way, all_of in ways.items()}
        for model, ways in found.items()
    }  # fmt: skip
    print(json.dumps(best))


if __name__ == "__main__":
    main()
