"""The pairs of a configuration."""

from collections import Counter
from pathlib import Path

from softnce.config.config import Config
from softnce.config.sections.data import DataSection
from softnce.data.code_texts import DocstringRule
from softnce.data.pairs import PairSet, read_pairs
from softnce.errors import DataError


def pairs_of(section: DataSection, path: Path | None = None) -> PairSet:
    """Read the pairs that ``data.path`` names, as the other settings of ``data`` tell.

    Args:
        section: the settings.
        path: of the pairs, where they lie elsewhere.

    Raises:
        DataError: they cannot be read, or are too few.
    """
    return read_pairs(
        path or Path(str(section.path)).expanduser(),
        columns={str(name): column for name, column in (section.columns or {}).items()} or None,
        language=section.language,
        max_bad_share=section.max_bad_share,
        negatives=section.column_negatives,
        seed=section.seed,
        docstrings=DocstringRule(section.docstrings, section.keep_docstring_share),
    )


def docstrings_in_words(section: DataSection, pairs: PairSet) -> str:
    """Say from how many functions a docstring or comment was taken, and how many have one."""
    found = pairs.reading
    return (
        f"docstrings ({section.docstrings}): taken out of {found.stripped:,} functions, "
        f"left in {found.documented:,}"
    )


def require_enough(config: Config, pairs: PairSet) -> None:
    """Check that there are pairs to train on and to compare by; nothing is written.

    Raises:
        DataError: too few training pairs, hard negatives or validation queries.
    """
    source = config.data.path or "the mined data"
    if len(pairs.train) < config.optim.batch_size:
        raise DataError(
            f"{source}: {len(pairs.train)} training pairs do not fill one batch of "
            f"{config.optim.batch_size}",
            "lower optim.batch_size or add pairs",
        )
    if config.data.batches == "by_language":
        _require_batches_of_each_language(pairs, source, config.optim.batch_size)
    _require_negatives(pairs, source, config.data.column_negatives)
    if not pairs.valid.texts:
        is_split_by_itself = config.data.path is None or Path(config.data.path).is_file()
        raise DataError(
            f"{source}: no validation queries, so nothing can be compared",
            "add pairs that differ: those of one function stay together, and these are all alike"
            if is_split_by_itself
            else "add a valid.jsonl (with its codebase.jsonl), or give one file of pairs, which "
            "is split by itself",
        )


def _require_batches_of_each_language(pairs: PairSet, source: str, batch_size: int) -> None:
    counts = Counter(pair.language for pair in pairs.train)
    for language, count in sorted(counts.items()):
        if count < batch_size:
            raise DataError(
                f"{source}: data.batches: by_language, and {count} training pairs of "
                f"{language or 'no named language'} do not fill one batch of {batch_size}",
                "lower optim.batch_size, or set data.batches to mixed",
            )


def _require_negatives(pairs: PairSet, source: str, wanted: int) -> None:
    for pair in pairs.train:
        if len(pair.negatives) != wanted:
            raise DataError(
                f"{source}: {pair.id} has {len(pair.negatives)} hard negatives, data.negatives "
                f"is {wanted}",
                f"read the pairs with negatives={wanted}",
            )
