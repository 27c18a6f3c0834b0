"""How many queries and candidates a study has, kept in its folder for reports without its data."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from softnce.errors import ConfigError
from softnce.whole_files import write_json

_FILE = "sizes.json"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of a study's data.

    Attributes:
        valid: validation queries.
        test: test queries.
        candidates: snippets that each query of either is ranked against.
    """

    valid: int
    test: int
    candidates: int


def store_sizes(root: Path, sizes: Sizes) -> None:
    """Remember the sizes of a study in this folder."""
    write_json(root / _FILE, asdict(sizes))


def stored_sizes(root: Path) -> Sizes | None:
    """Return the sizes of a study, None where they are not known.

    Raises:
        ConfigError: the file is damaged.
    """
    path = root / _FILE
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        sizes = Sizes(**{name: int(found[name]) for name in Sizes.__slots__})
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: does not tell the numbers of queries and candidates",
            "remove it, and the same softnce search writes it anew",
        ) from error
    return sizes
