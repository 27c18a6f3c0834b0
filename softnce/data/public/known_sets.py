"""What is known of each public set: where the hub has it, and how many rows it must have."""

from collections.abc import Mapping
from dataclasses import dataclass

LANGUAGES = ("go", "java", "javascript", "php", "python", "ruby")
PARTS = ("train", "valid", "test", "codebase")

Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class KnownSet:
    """A public set.

    Attributes:
        hub: id of the dataset on the hub, in parquet.
        patterns: the files of one language there; ``{}`` is its name.
    """

    hub: str
    patterns: tuple[str, ...]


CODE_SEARCH_NET = KnownSet("claudios/code_search_net", ("{}/*.parquet", "data/{}/*.parquet"))
COSQA = KnownSet("CoIR-Retrieval/cosqa", ("*.parquet", "*/*.parquet"))


def _counts(*numbers: int) -> Counts:
    return dict(zip(PARTS, numbers, strict=False))


# The GraphCodeBERT-filtered set: METHOD D.2, from the README of its authors.
FILTERED: Mapping[str, Counts] = {
    "ruby": _counts(24_927, 1_400, 1_261, 4_360),
    "python": _counts(251_820, 13_914, 14_918, 43_827),
    "java": _counts(164_923, 5_183, 10_955, 40_347),
    "javascript": _counts(58_025, 3_885, 3_291, 13_981),
    "php": _counts(241_241, 12_982, 14_014, 52_660),
    "go": _counts(167_288, 7_325, 8_122, 28_120),
}
# CodeSearchNet as it was published; its codebase is here valid and test together.
RAW: Mapping[str, Counts] = {
    "ruby": _counts(48_791, 2_209, 2_279),
    "python": _counts(412_178, 23_107, 22_176),
    "java": _counts(454_451, 15_328, 26_909),
    "javascript": _counts(123_889, 8_253, 6_483),
    "php": _counts(523_712, 26_015, 28_391),
    "go": _counts(317_832, 14_242, 14_291),
}
WEB_QUERIES: Counts = _counts(19_604, 500, 500)


def differences(found: Counts, expected: Counts) -> list[str]:
    """Name the parts that have other numbers of rows than the published set.

    >>> differences({"train": 10, "valid": 2}, {"train": 12, "valid": 2})
    ['train 10 (published: 12)']
    """
    return [
        f"{part} {found.get(part, 0):,} (published: {count:,})"
        for part, count in expected.items()
        if found.get(part, 0) != count
    ]
