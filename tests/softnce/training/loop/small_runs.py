"""Runs on a small set of made pairs."""

from softnce.config.config import Config
from softnce.config.file import with_overrides
from softnce.training.loop import epochs

# in which two equal runs differ
MEASURED = ("seconds", "step_seconds", "usage", "encode_ms", "before")
WORDS = [
    "open",
    "close",
    "read",
    "write",
    "sort",
    "merge",
    "split",
    "join",
    "parse",
    "print",
    "load",
    "save",
    "find",
    "count",
    "sum",
    "map",
]


THINGS = [
    "file",
    "line",
    "word",
    "list",
    "table",
    "queue",
    "graph",
    "node",
    "edge",
    "token",
    "image",
    "matrix",
    "header",
    "packet",
]


BASE = {
    "data": {"path": "pairs.jsonl"},
    "encoder": {"dimensions": 16, "vocabulary": 400, "max_length": 32},
    "optim": {"epochs": 4, "batch_size": 32, "learning_rate": 0.01},
}


SOFT = {"loss/name": "soft-infonce"}


LOSSES = {
    "infonce": {"loss/name": "infonce"},
    "bm25": SOFT,
    "bm25 raw codes": SOFT | {"weights/scale": "raw", "weights/bm25/documents": "codes"},
    "teacher": SOFT | {"weights/estimator": "teacher"},
}


def said(_):
    """Hear what preparing has to tell."""


def config_with(**changes):
    return with_overrides(
        Config.model_validate(BASE), {path.replace("__", "/"): v for path, v in changes.items()}
    )


def told(reports):
    """Return what reports say, but for what differs from run to run."""
    return [{k: v for k, v in report.items() if k not in MEASURED} for report in reports]


def trained(config, prepared, folder, **options):
    return told(epochs(config, prepared, folder, **options))
