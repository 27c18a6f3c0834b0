"""What takes part in a Tune run and is never stored with it."""

from typing import Any


class OfThisProcess:
    """Lets Tune write its restore file, which is never read: the study's folder is the memory."""

    def __getstate__(self) -> dict[str, Any]:
        return {}
