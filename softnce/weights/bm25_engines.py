"""Which engine scores which variant of BM25: names alone, without torch."""

from collections.abc import Mapping
from typing import Literal

VariantName = Literal["okapi", "official", "lucene", "bm25l", "bm25plus"]
EngineName = Literal["fast", "rank_bm25"]

ENGINES: Mapping[VariantName, tuple[EngineName, ...]] = {  # the first is taken unless one is named
    "okapi": ("fast", "rank_bm25"),
    "official": ("fast",),
    "lucene": ("fast",),
    "bm25l": ("rank_bm25",),
    "bm25plus": ("rank_bm25",),
}
