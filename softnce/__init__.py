"""The learning: pairs of (query, function) in, an encoder out; knows nothing of searching.

``softnce.search`` is the front door of the whole; its packages are imported when it is used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tune_spaces.front_door import search

__all__ = ["search"]


def __getattr__(name: str) -> Any:  # noqa: ANN401  (what __all__ names)
    """Import what the front door offers when it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'softnce' has no attribute {name!r}")
    from tune_spaces import front_door

    return getattr(front_door, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
