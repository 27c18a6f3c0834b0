"""Weights that a model's files lack, and those that are no numbers."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sentence_transformers import SentenceTransformer

from softnce.encoders.options import PretrainedOptions
from softnce.errors import SetupError

log = logging.getLogger(__name__)
_MADE_UP = re.compile(
    r"^(?:\x1b\[[\d;]*m)*(\S.*?)\s+\|\s*(?:\x1b\[[\d;]*m)*MISSING\b", re.MULTILINE
)


class _Listener(logging.Handler):
    """Keeps the names in transformers' table of weights that it did not find."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found += _MADE_UP.findall(record.getMessage())


@contextmanager
def missing_weights() -> Iterator[list[str]]:
    """Collect the names of weights that transformers makes up, since the files hold none.

    It tells them in a warning alone, which is not shown then.
    """
    source, listener = logging.getLogger("transformers.modeling_utils"), _Listener()
    before = source.level, source.propagate
    source.addHandler(listener)
    source.setLevel(logging.WARNING)
    source.propagate = False
    try:
        yield listener.found
    finally:
        source.removeHandler(listener)
        source.setLevel(before[0])
        source.propagate = before[1]


def require_weights(missing: Sequence[str], model: str, options: PretrainedOptions) -> None:
    """Refuse a file that lacks weights; tell of a pooler that starts at random numbers.

    With adapters it would stay there.
    """
    others = [name for name in missing if "pooler" not in name]
    if others:
        raise SetupError(
            f"{model}: its file holds no weights of {others[0]}"
            + (f" and {len(others) - 1} more" if len(others) > 1 else ""),
            "take a whole copy, or one whose config.json fits its weights",
            setting="encoder.model",
        )
    reads_flow = options.pooling == "auto" and options.dataflow != "off"
    if missing and (options.pooling == "pooler" or reads_flow):
        if options.adapters is not None:
            raise SetupError(
                f"{model}: its file holds no weights of its pooler, and encoder.lora would not "
                "train those that are drawn at random",
                "set encoder.pooling to cls or mean, or leave encoder.lora out",
                setting="encoder.model",
            )
        log.warning("%s: its file holds no weights of its pooler, which starts at random", model)


def require_finite_weights(loaded: SentenceTransformer, model: str) -> None:
    """Refuse weights that are NaN or infinite."""
    weights: Any = loaded.named_parameters()
    broken = [name for name, one in weights if not one.isfinite().all()]
    if broken:
        raise SetupError(
            f"{model}: {len(broken)} of its weights hold NaN or infinity, first {broken[0]}",
            "take another copy: the model has diverged, or its file is damaged",
            setting="encoder.model",
        )
