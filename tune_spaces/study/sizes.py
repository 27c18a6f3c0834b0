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
        sampled_valid: validation queries that trials look at; 0: all.
        sampled_candidates: snippets that trials rank them against; 0: all.
        train: training pairs; 0: not known.
    """

    valid: int
    test: int
    candidates: int
    sampled_valid: int = 0
    sampled_candidates: int = 0
    train: int = 0

    @property
    def looked_at(self) -> tuple[int, int]:
        """Validation queries, and the candidates they are ranked against, in a trial."""
        return self.sampled_valid or self.valid, self.sampled_candidates or self.candidates

    @property
    def told(self) -> str:
        """What trials are validated on, in words."""
        queries, candidates = self.looked_at
        if (queries, candidates) == (self.valid, self.candidates):
            return f"{queries:,} queries among {candidates:,} candidates"
        return (
            f"{queries:,} of {self.valid:,} queries among {candidates:,} of {self.candidates:,} "
            "candidates, a fixed sample"
        )


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
        sizes: Sizes | None = Sizes(**{name: int(value) for name, value in found.items()})
    except (ValueError, TypeError, AttributeError):
        sizes = None
    if sizes is None or sizes.valid < 1:
        raise ConfigError(
            f"{path}: does not tell the numbers of queries and candidates",
            "remove it, and the same softnce search writes it anew",
        )
    return sizes
