"""From the word ``weights.estimator`` to an estimator over the prepared training set."""

from collections.abc import Callable
from itertools import pairwise

import torch

from softnce.config import WeightsSection
from softnce.ragged import Ragged
from softnce.training.prepare import Prepared
from softnce.weights.bm25 import BM25Estimator
from softnce.weights.duplicates import DuplicatesEstimator
from softnce.weights.mixture import MixtureEstimator
from softnce.weights.neural import VectorEstimator
from softnce.weights.weighting import Estimator

Build = Callable[[WeightsSection, Prepared, torch.device], Estimator]


def _bm25(section: WeightsSection, prepared: Prepared, device: torch.device) -> Estimator:
    del device  # term counts stay on the CPU
    against_codes = section.bm25.documents == "codes"
    return BM25Estimator(
        _rows(prepared.term_table("queries")),
        documents=_rows(prepared.term_table("codes")) if against_codes else None,
        variant=section.bm25.variant,
    )


def _teacher(section: WeightsSection, prepared: Prepared, device: torch.device) -> Estimator:
    queries, codes = (prepared.frozen_vectors("teacher", name) for name in ("queries", "codes"))
    return VectorEstimator("teacher", queries, codes, score=section.teacher.score, device=device)


def _simcse(section: WeightsSection, prepared: Prepared, device: torch.device) -> Estimator:
    del section
    queries = prepared.frozen_vectors("simcse", "queries")
    return VectorEstimator("simcse", queries, queries, score="cosine", device=device)


def _duplicates(section: WeightsSection, prepared: Prepared, device: torch.device) -> Estimator:
    del section, device  # group numbers stay on the CPU
    groups = [prepared.duplicate_groups(table) for table in ("queries", "codes")]
    return DuplicatesEstimator(*groups)


def _mixture(section: WeightsSection, prepared: Prepared, device: torch.device) -> Estimator:
    parts = {name: ESTIMATORS[name](section, prepared, device) for name in section.parts}
    return MixtureEstimator(parts, section.mixture.model_dump())


ESTIMATORS: dict[str, Build] = {  # not self: its vectors exist within a step only
    "bm25": _bm25,
    "teacher": _teacher,
    "simcse": _simcse,
    "duplicates": _duplicates,
    "mixture": _mixture,
}


def build_estimator(section: WeightsSection, prepared: Prepared, device: torch.device) -> Estimator:
    """Build the estimator that the section names, which must not be self."""
    return ESTIMATORS[section.estimator](section, prepared, device)


def _rows(table: Ragged) -> list[list[int]]:
    values, offsets = table.values.tolist(), table.offsets.tolist()
    return [values[start:stop] for start, stop in pairwise(offsets)]
