"""From the word ``weights.estimator`` to an estimator over the prepared training set."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from softnce.config.sections.estimators import BM25Section
from softnce.config.sections.method import WeightsSection
from softnce.errors import DataError
from softnce.formula import resolved
from softnce.inputs.prepared import Prepared
from softnce.ragged import Ragged
from softnce.weights.bm25 import BM25Estimator
from softnce.weights.docstrings import ThroughDocstrings
from softnce.weights.duplicates import DuplicatesEstimator
from softnce.weights.mixture import MixtureEstimator
from softnce.weights.neural import VectorEstimator
from softnce.weights.plain_bm25 import PlainBM25Estimator
from softnce.weights.table import ESTIMATORS
from softnce.weights.weighting import Estimator

TermRows = list[list[int]]  # the terms of each text
Build = Callable[[WeightsSection, Prepared, torch.device], Estimator]


def bm25(section: WeightsSection, prepared: Prepared, device: torch.device) -> Estimator:
    """Count the terms of docstrings, or of docstrings and code."""
    del device  # term counts stay on the CPU
    own = section.bm25
    queries = _rows(prepared.term_table("queries", own.terms))
    if own.documents == "queries":
        return _through_docstrings(_engine(own, prepared, queries, None), prepared)
    names = ("codes", "negatives") if prepared.negatives else ("codes",)
    found = [row for name in names for row in _rows(prepared.term_table(name, own.terms))]
    return _engine(own, prepared, queries, found)


def _engine(
    section: BM25Section, prepared: Prepared, queries: TermRows, documents: TermRows | None
) -> Estimator:
    """Hand the terms to the engine; the section has checked that it has the variant."""
    variant: Any = section.variant
    if section.chosen_engine == "rank_bm25":
        return PlainBM25Estimator(queries, documents=documents, variant=variant)
    average = _official_length(section, prepared)
    return BM25Estimator(queries, documents=documents, variant=variant, average_length=average)


def _official_length(section: BM25Section, prepared: Prepared) -> float | None:
    """Average the lengths as the paper's code does: with the marks of begin and end.

    Source: its BM25 counts them in the mean of the training set but not in the length of a text.
    """
    if section.variant != "official" or section.terms != "subwords":
        return None
    return float(prepared.table(f"train_{section.documents}").lengths.mean()) or None


def teacher(section: WeightsSection, prepared: Prepared, device: torch.device) -> Estimator:
    """Compare the teacher's vectors of queries with those of code."""
    queries, codes = (prepared.frozen_vectors("teacher", name) for name in ("queries", "codes"))
    if prepared.negatives:
        codes = np.concatenate([codes, prepared.frozen_vectors("teacher", "negatives")])
    return VectorEstimator("teacher", queries, codes, score=section.teacher.score, device=device)


def simcse(section: WeightsSection, prepared: Prepared, device: torch.device) -> Estimator:
    """Compare SimCSE's vectors of docstrings."""
    del section
    queries = prepared.frozen_vectors("simcse", "queries")
    built = VectorEstimator("simcse", queries, queries, score="cosine", device=device)
    return _through_docstrings(built, prepared)


def _through_docstrings(estimator: Estimator, prepared: Prepared) -> Estimator:
    if not prepared.negatives:
        return estimator
    return ThroughDocstrings(estimator, prepared.docstring_rows())


def duplicates(section: WeightsSection, prepared: Prepared, device: torch.device) -> Estimator:
    """Look up the groups of duplicates."""
    del section, device  # group numbers stay on the CPU
    queries, codes = (prepared.duplicate_groups(table) for table in ("queries", "codes"))
    return DuplicatesEstimator(queries, codes, prepared.negatives)


def known_duplicates(prepared: Prepared, *, what: str) -> Estimator:
    """Look up the groups of duplicates for any loss.

    Args:
        prepared: of the study.
        what: the loss does with them, ``loss.duplicates``.

    Raises:
        DataError: there are none, so that nothing could be promoted.
    """
    queries, codes = (prepared.duplicate_groups(table) for table in ("queries", "codes"))
    of_functions = codes.bincount()[codes[: len(queries)]]  # hard negatives among them
    is_known = bool((queries.bincount() > 1).any() or (of_functions > 1).any())
    if what == "promote" and not is_known:
        raise DataError(
            f"no duplicates among {len(queries):,} training pairs, so that loss.duplicates: "
            "promote promotes nothing",
            "set loss.duplicates to keep or mask",
        )
    return DuplicatesEstimator(queries, codes, prepared.negatives)


def mixture(section: WeightsSection, prepared: Prepared, device: torch.device) -> Estimator:
    """Build the parts, and mix what they find."""
    parts = {name: _built(name, section, prepared, device) for name in section.prepared_parts}
    return MixtureEstimator(parts, section.mixture.model_dump(), pairs=prepared.train)


def build_estimator(section: WeightsSection, prepared: Prepared, device: torch.device) -> Estimator:
    """Build the estimator that the section names, which must not be self alone."""
    return _built(section.estimator, section, prepared, device)


def _built(
    name: str, section: WeightsSection, prepared: Prepared, device: torch.device
) -> Estimator:
    build: Build = resolved(ESTIMATORS[name].build)
    return build(section, prepared, device)


def _rows(table: Ragged) -> TermRows:
    values, offsets = table.values.tolist(), table.offsets.tolist()
    return [values[start:stop] for start, stop in pairwise(offsets)]
