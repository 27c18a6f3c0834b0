"""The learning: pairs of (query, function) in, an encoder out; knows nothing of searching.

``softnce.search``, ``train`` and ``evaluate`` are the front door of the whole; what they need is
imported when they are used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tune_spaces.evaluate_door import evaluate
    from tune_spaces.front_door import search
    from tune_spaces.train_door import train

__all__ = ["evaluate", "search", "train"]
_DOORS = {
    "evaluate": "tune_spaces.evaluate_door",
    "search": "tune_spaces.front_door",
    "train": "tune_spaces.train_door",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  (what __all__ names)
    """Import what the front door offers when it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'softnce' has no attribute {name!r}")
    return getattr(import_module(_DOORS[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
