"""The pairs of a configuration."""

from pathlib import Path

from softnce.config.sections.training import DataSection
from softnce.data.pairs import PairSet, read_pairs


def pairs_of(section: DataSection) -> PairSet:
    """Read the pairs that ``data.path`` names, as the other settings of ``data`` tell.

    Raises:
        DataError: they cannot be read, or are too few.
    """
    return read_pairs(
        Path(str(section.path)).expanduser(),
        columns={str(name): column for name, column in (section.columns or {}).items()} or None,
        language=section.language,
        max_bad_share=section.max_bad_share,
        negatives=section.negatives,
        seed=section.seed,
    )
