"""Counts how often a whole configuration is validated in this process."""

from typing import Any

from softnce.config.config import Config


class Counter:
    """Stands before pydantic's validator of ``Config`` and counts what goes through it."""

    def __init__(self) -> None:
        self.count = 0
        self._inner: Any = Config.__pydantic_validator__

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def validate_python(self, *arguments: object, **options: object) -> object:
        """Validate, and count it."""
        self.count += 1
        return self._inner.validate_python(*arguments, **options)
