"""The learning: pairs of (query, function) in, an encoder out; knows nothing of searching.

``softnce.search``, ``train`` and ``evaluate`` are the front door of the whole; what they need is
imported when they are used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tune_spaces.api.evaluate import evaluate
    from tune_spaces.api.search import search
    from tune_spaces.api.train import train

__all__ = ["evaluate", "search", "train"]
_DOORS = {
    "evaluate": "tune_spaces.api.evaluate",
    "search": "tune_spaces.api.search",
    "train": "tune_spaces.api.train",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  (what __all__ names)
    """Import what the front door offers when it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'softnce' has no attribute {name!r}")
    return getattr(import_module(_DOORS[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
