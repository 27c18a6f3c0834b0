"""Runs on few pairs that have two hard negatives each."""

import torch

from softnce.config.config import Config
from softnce.config.file import with_overrides
from softnce.data.batching import negative_rows

EACH, BATCH = 2, 8


ESTIMATORS = ("bm25", "teacher", "simcse", "self", "duplicates", "mixture")


EVERYTHING = {"bm25": 1.0, "teacher": 1.0, "simcse": 1.0, "duplicates": 1.0, "self": 1.0}


CPU = torch.device("cpu")


def config_with(minilm, **changes):
    simcse = {"model": str(minilm), "batch_size": 8, "epochs": 1, "max_steps": 1, "max_length": 16}
    base = {
        "data": {"path": "pairs.jsonl", "negatives": EACH},
        "encoder": {"dimensions": 16, "vocabulary": 400, "max_length": 32},
        "optim": {"epochs": 1, "batch_size": BATCH, "learning_rate": 0.02},
        "weights": {"simcse": {**simcse, "learning_rate": 1e-5}, "mixture": EVERYTHING},
    }
    changes = {path.replace("__", "/"): value for path, value in changes.items()}
    return with_overrides(Config.model_validate(base), changes)


def candidate_rows(prepared, rows):
    hard = negative_rows(rows.numpy(), EACH) + prepared.train
    return torch.cat([rows, torch.from_numpy(hard)])
