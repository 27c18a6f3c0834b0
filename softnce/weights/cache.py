"""Names of cached results, made from what they were computed from."""

import hashlib
import json
from typing import Any


def cache_key(kind: str, **ingredients: Any) -> str:  # noqa: ANN401  (anything JSON can hold)
    """Return a short name that changes with any ingredient.

    >>> cache_key("tokens", data="ab", length=8) == cache_key("tokens", length=8, data="ab")
    True
    """
    text = json.dumps([kind, ingredients], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]
