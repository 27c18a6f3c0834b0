"""Prepare what the three GPU benchmarks read, on any machine, so that the GPU waits for nothing.

Run ``python benchmarks/gpu_prepare.py FOLDER [PAIRS]``, then hand FOLDER to ``gpu_step.py``,
``gpu_minilm.py`` and ``gpu_search.py``; FOLDER may be copied to another machine before. It receives
mined pairs, two tokenizers trained on them, their token tables, MiniLM in half precision, and
CoSQA and CodeSearchNet Python (a sample) where they are at hand. The benchmarks make the weights
of the random encoders themselves.
"""

import json
import os
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from common import (
    FOREIGN,
    REAL,
    TOKENIZERS,
    byte_pair_tokenizer,
    mined_pairs,
    minilm,
    random_roberta,
    silent,
)
from safetensors.torch import load_file, save_file

from softnce.config.file import validated
from softnce.data.pairs import read_pairs
from softnce.inputs.prepare import prepare
from softnce.inputs.prepared import Prepared

TINY = {"num_hidden_layers": 1, "hidden_size": 16, "num_attention_heads": 2,
        "intermediate_size": 16}  # fmt: skip


def halved(model: Path, folder: Path) -> None:
    """Copy a model, its weights rounded to half precision."""
    shutil.copytree(model, folder, ignore=shutil.ignore_patterns("model.safetensors", "*.md"))
    weights = {
        name: one.half() if one.is_floating_point() else one
        for name, one in load_file(model / "model.safetensors").items()
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def cached(
    source: Path, model: Path, cache: Path, *, max_length: int, models: list[str]
) -> Prepared:
    """Fill the cache with the token tables and terms of some data."""
    encoder = {"kind": "transformer", "model": str(model), "max_length": max_length}
    config = validated({"data": {"path": str(source)}, "encoder": encoder})
    return prepare(config, read_pairs(source), cache, tell=print, models=models)


def main() -> None:
    folder = Path(sys.argv[1])
    most = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    silent()
    pairs, source = mined_pairs(folder, most=most)
    texts = [text for pair in pairs.train for text in (pair.query, pair.code)]
    cache, lengths = folder / "cache", {"unixcoder": 256, "small": 128}
    for name, vocabulary in TOKENIZERS.items():
        byte_pair_tokenizer(folder / name, texts, vocabulary=vocabulary)
        with tempfile.TemporaryDirectory() as scratch:
            model = Path(scratch) / name
            shutil.copytree(folder / name, model)
            random_roberta(model, **TINY)
            cached(source, model, cache, max_length=lengths[name], models=["bm25"])
    if not (folder / "minilm").is_dir():
        halved(minilm(), folder / "minilm")
    sets = [source]
    for name in FOREIGN:
        if (REAL.parent / name).is_dir():
            shutil.copytree(REAL.parent / name, folder / name, dirs_exist_ok=True)
            sets.append(folder / name)
    made = {}
    for one in sets:
        models = ["bm25", "duplicates"] if one == source else []
        made[one.name] = cached(one, folder / "minilm", cache, max_length=256, models=models)
    (folder / "minilm.json").write_text(json.dumps({k: asdict(one) for k, one in made.items()}))
    print(f"{len(pairs.train)} pairs to train on in {folder}, torch {torch.__version__}")


if __name__ == "__main__":
    main()
